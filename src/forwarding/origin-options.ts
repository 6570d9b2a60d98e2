import { isIP } from 'node:net';
import { z } from 'zod';
import { durationSeconds } from '../core/duration.js';
import { UNWRITABLE } from '../core/unwritable.js';

/**
 * The shape of a rule as it arrives, with cloudflared's own keys and value shapes of `originRequest`. Every message
 * goes on a sentence that begins with the field's name. Loads zod: import it only where rules are validated.
 */

const MUST_BE_TEXT = 'must be a string';
/** 64 bits of nanoseconds hold 292 years. */
const MAX_DURATION_SECONDS = 100 * 365 * 86_400;

const DURATION_WANTED = 'must be a duration with a unit, as in "30s" or "1m30s"';
const duration = z.string(DURATION_WANTED).refine((text) => (durationSeconds(text) ?? Infinity) <= MAX_DURATION_SECONDS, DURATION_WANTED);
const flag = z.boolean('must be true or false');
const whole = (maximum: number) => {
  const wanted = `must be a whole number from 0 to ${maximum}`;
  return z.number(wanted).int(wanted).min(0, wanted).max(maximum, wanted);
};
const text = (pattern: RegExp, wanted: string) => z.string(wanted).max(1024, 'must not be longer than 1024 characters').regex(pattern, wanted);

const isCidr = (prefix: string): boolean => {
  const [address = '', bits = '', rest] = prefix.split('/');
  const family = isIP(address);
  return rest === undefined && family !== 0 && !address.includes('%') && /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
};
const CA_POOL_WANTED = 'must be the absolute path of a file';
const PREFIX_WANTED = 'must be an address range, as in "10.0.0.0/8"';
const PORTS_WANTED = 'must be a list of ports from 1 to 65535';

const ipRule = z.strictObject(
  {
    prefix: z.string(PREFIX_WANTED).refine(isCidr, PREFIX_WANTED),
    ports: z.array(z.number(PORTS_WANTED).int(PORTS_WANTED).min(1, PORTS_WANTED).max(65_535, PORTS_WANTED), PORTS_WANTED).max(1000).exactOptional(),
    allow: flag.exactOptional(),
  },
  'must be an object with prefix, ports and allow',
);

const access = z
  .strictObject(
    {
      required: flag.exactOptional(),
      teamName: text(/^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)?$/, 'must be the name of a team: letters, digits and hyphens').exactOptional(),
      audTag: z.array(text(/^[\x21-\x7e]+$/, 'must be a list of strings without blanks'), 'must be a list of strings').max(1000).exactOptional(),
      environment: text(/^[A-Za-z0-9-]*$/, 'must be a name').exactOptional(),
    },
    'must be an object with required, teamName and audTag',
  )
  .refine((value) => value.required !== true || (value.audTag ?? []).length === 0 || (value.teamName ?? '') !== '', {
    path: ['teamName'],
    message: 'must be given where audTag is',
  });

export const originOptions = z.strictObject(
  {
    connectTimeout: duration.exactOptional(),
    tlsTimeout: duration.exactOptional(),
    tcpKeepAlive: duration.exactOptional(),
    noHappyEyeballs: flag.exactOptional(),
    keepAliveConnections: whole(1_000_000).exactOptional(),
    keepAliveTimeout: duration.exactOptional(),
    httpHostHeader: text(/^[A-Za-z0-9._[\]:-]+$/, 'must be a host, as it stands in a Host header').exactOptional(),
    originServerName: text(/^[A-Za-z0-9._:*-]+$/, 'must be a host name').exactOptional(),
    matchSNItoHost: flag.exactOptional(),
    caPool: text(/^\/./su, CA_POOL_WANTED).refine((path) => !UNWRITABLE.test(path), CA_POOL_WANTED).exactOptional(),
    noTLSVerify: flag.exactOptional(),
    disableChunkedEncoding: flag.exactOptional(),
    bastionMode: flag.exactOptional(),
    proxyAddress: text(/^[A-Za-z0-9._:-]+$/, 'must be an address').exactOptional(),
    proxyPort: whole(65_535).exactOptional(),
    proxyType: z.enum(['', 'socks'], 'must be "socks" or empty').exactOptional(),
    ipRules: z.array(ipRule, 'must be a list of objects with prefix, ports and allow').max(1000).exactOptional(),
    http2Origin: flag.exactOptional(),
    access: access.exactOptional(),
  },
  'must be an object of origin options',
);

export const forwardingRule = z.strictObject(
  {
    hostname: z.string(MUST_BE_TEXT),
    path: z.string(MUST_BE_TEXT).exactOptional(),
    destination: z.string(MUST_BE_TEXT),
    originRequest: originOptions.exactOptional(),
  },
  'must be an object with hostname and destination',
);
