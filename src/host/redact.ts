import type { Secret } from '../core/secret.js';

/**
 * Takes secrets out of free text: cloudflared's log lines, answers of servers, messages of exceptions. Two nets: values
 * that we know to be secret, and shapes that secrets have. The second may hide too much (a long random name), and that
 * is the side to err on; file names, checksums and UUIDs stay readable.
 */
export interface Redactor {
  redact(text: string): string;
  /** The same for one JSON value as text: reads what is in it, so that it stays JSON, and hides secret fields by name. */
  redactJson(json: string): string;
  /** From now on this value is hidden wherever it turns up. */
  learn(secret: Secret): void;
}

const REDACTED = '[redacted]';

/** Shorter ones would blank out ordinary words. */
const SHORTEST_KNOWN_SECRET = 8;

/** Each takes a time that grows as the text does, and no faster: visitors' addresses stand in cloudflared's log. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // Certificates, keys, and the origin cert with its token; also one that was cut off.
  [/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?(?:-----END \1-----|$)/g, REDACTED],
  [/(https?:\/\/login\.cloudflareaccess\.org\/)[^\s"'<>]+/gi, `$1${REDACTED}`],
  // user:password@ in a URL.
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"'<>]+@/gi, `$1${REDACTED}@`],
  [/(\bPVEAPIToken=)[^\s"',;]+/gi, `$1${REDACTED}`],
  [/(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${REDACTED}`],
  // name=value and "name": "value".
  [/((?:api_?token|tunnel_?secret|token_?value|token|secret|password|passwd|authorization|x-auth-key)\\?["']?\s*[:=]\s*\\?["']?)(?!\[redacted|(?:Bearer|Basic)\s)[^\s"'\\,;&}]{6,}/gi, `$1${REDACTED}`],
  // JSON in base64, which is what tunnel tokens are, and JWTs.
  [/\beyJ[A-Za-z0-9+/_-]{16,}(?:\.[A-Za-z0-9_-]+){0,2}={0,2}/g, REDACTED],
];

/** Taken as a whole first and looked into then: searching for its parts from every beginning would take the square of the time. */
const URL_WORD = /https?:\/\/[^\s"'<>]+/gi;
/** Whoever opens the login URL, or polls the callback in it, gets the certificate. */
const IN_LOGIN_URL = /\/argotunnel\?|[?&]callback=/i;

/** Base64 with its padding: `/` may be in it, and a path does not end so. */
const PADDED = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{30,}={1,2}(?![A-Za-z0-9=])/g;
/** Base64, URL-safe base64 and API tokens without padding. No `/`, or every path would look like one. */
const LONG_WORD = /(?<![A-Za-z0-9+_-])[A-Za-z0-9+_-]{36,}(?![A-Za-z0-9+_-])/g;

export function createRedactor(): Redactor {
  const known = new Set<string>();
  const redactText = (text: string): string => {
    let clean = text;
    for (const value of known) clean = clean.replaceAll(value, REDACTED);
    return redact(clean);
  };
  return {
    redact: redactText,
    redactJson: (json) => redactJson(json, redactText),
    learn: (secret) => {
      const value = secret.reveal();
      if (value.length >= SHORTEST_KNOWN_SECRET) known.add(value);
    },
  };
}

const SECRET_FIELD = /^(?:api_?token|tunnel_?secret|token|token_?value|secret|password|passwd|authorization|pem|certificate)$/i;

function redactJson(json: string, redactText: (text: string) => string): string {
  try {
    return JSON.stringify(JSON.parse(json, (name, value: unknown) => {
      if (SECRET_FIELD.test(name) && value !== null) return REDACTED;
      return typeof value === 'string' ? redactText(value) : value;
    }));
  } catch {
    return redactText(json); // Not JSON after all: as text.
  }
}

/** By shape alone. */
export function redact(text: string): string {
  let clean = text.replace(URL_WORD, (url) => (IN_LOGIN_URL.test(url) ? '[redacted login URL]' : url));
  for (const [shape, instead] of SHAPES) clean = clean.replace(shape, instead);
  return clean.replace(PADDED, REDACTED).replace(LONG_WORD, (word) => (looksRandom(word) ? REDACTED : word));
}

/** Random base64 of this length has capitals, small letters and digits; checksums, UUIDs and names do not have all three. */
function looksRandom(word: string): boolean {
  return /[A-Z]/.test(word) && /[a-z]/.test(word) && /\d/.test(word);
}
