import { SupervisorError, type ErrorCode } from '../core/errors.js';
import { redact } from '../host/redact.js';

/**
 * What the last words of `tunnel route dns` mean; the first that fit count. They are all there is: it says the HTTP
 * status only where Cloudflare's answer held no error of its own, else that error's code and reason. Words that are not
 * known are no reason to ask again.
 */
const MEANINGS: readonly { readonly form: RegExp; readonly code: ErrorCode }[] = [
  { form: /\bcode: 1003\b.*already exists/, code: 'DNS_CONFLICT' },
  { form: /\b(?:unauthorized|code: (?:9109|10000))\b/i, code: 'DNS_FORBIDDEN' },
  { form: /\bfailed with status 429\b|\bcode: (?:971|10429)\b|\breason: .*(?:throttl|rate.?limit|too many requests)/i, code: 'CLOUDFLARE_THROTTLED' },
  { form: /\bfailed with status 5\d\d\b|\breason: .*(?:internal (?:server )?error|service unavailable|bad gateway|try again later)/i, code: 'CLOUDFLARE_UNREACHABLE' },
  // No answer, or half of one. A server that is not trusted is none of Cloudflare's.
  { form: /^(?!.*\b(?:x509|tls): ).*(?:\bREST request failed: |\bfailed to decode response: .*\bEOF\b)/, code: 'CLOUDFLARE_UNREACHABLE' },
  { form: /\bfailed to decode response: /, code: 'CLOUDFLARE_UNEXPECTED' },
];

const MESSAGES: Partial<Record<ErrorCode, (hostname: string, said: string) => string>> = {
  DNS_CONFLICT: (hostname) => `${hostname} has a DNS record that is not ours.`,
  DNS_FORBIDDEN: (hostname, said) => `The certificate does not let us route ${hostname}: ${said}`,
};

export function readRefusal(hostname: string, lastWords: string): SupervisorError {
  const said = redact(lastWords);
  const code = MEANINGS.find(({ form }) => form.test(said))?.code ?? 'DNS_FAILED';
  return new SupervisorError(code, MESSAGES[code]?.(hostname, said) ?? `cloudflared could not route ${hostname}: ${said}`);
}
