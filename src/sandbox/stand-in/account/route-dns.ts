import { domainToASCII } from 'node:url';

import type { Context } from '../command-line/context.js';
import { Failure, UsageFailure } from '../failure.js';
import type { Logger } from '../log/logger.js';
import { ApiClient } from './api-client.js';
import { findTunnelId } from './find-tunnel-id.js';
import { readOriginCert } from './origin-cert.js';

const HOSTNAME = /^[*_a-zA-Z0-9][-_.a-zA-Z0-9]*$/u;

/** In ASCII, labels of 1 to 63, 253 in all; a wildcard only at the front. */
function isHostname(text: string): boolean {
  // Node refuses an underscore or a wildcard that DNS has no objection to, so only other alphabets go through it.
  const ascii = /^[\u0021-\u007e]*$/u.test(text) ? text : domainToASCII(text);
  const labels = ascii.replace(/\.$/u, '').split('.');
  return HOSTNAME.test(ascii) && ascii.length <= 253 && labels.every((label) => label.length >= 1 && label.length <= 63);
}

/** What the server answered, said with the name that it answered with. */
function summarize(change: string | undefined, hostname: string): string {
  switch (change) {
    case 'new':
      return `Added CNAME ${hostname} which will route to this tunnel`;
    case 'updated':
      return `${hostname} updated to route to your tunnel`;
    case 'unchanged':
      return `${hostname} is already configured to route to your tunnel`;
    default:
      return '';
  }
}

/** `tunnel route dns TUNNEL HOSTNAME`; a name outside the zone is the server's to bend. */
export async function routeDns(context: Context, log: Logger): Promise<void> {
  const [reference, hostname, ...rest] = context.args;
  if (reference === undefined || hostname === undefined || rest.length > 0) {
    throw new UsageFailure('This command expects the format "cloudflared tunnel route dns <tunnel name/id> <hostname>"');
  }
  const tunnelId = await findTunnelId(reference, context, log);
  if (hostname === '') throw new UsageFailure('The third argument should be the hostname');
  if (!isHostname(hostname)) throw new Failure(`${hostname} is not a valid hostname`);
  const client = new ApiClient(context, readOriginCert(context.text('origincert'), log));
  const result = await client.routeDns(tunnelId, hostname, context.isOn('overwrite-dns'));
  const name = result.name === undefined || result.name === '' ? hostname : result.name;
  log.info(summarize(result.cname, name), { tunnelID: tunnelId });
}
