import type { Login } from './logins.js';

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; }
  form, li { margin: 1rem 0; }
  select, button { font: inherit; padding: .4rem .8rem; }
  button { background: #f6821f; border: 0; border-radius: .3rem; color: #000; cursor: pointer; }
  code { word-break: break-all; }
  .note { opacity: .7; font-size: .9rem; }
`;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text: string): string => text.replace(/[&<>"']/gu, (character) => ESCAPES[character] ?? character);

const page = (title: string, body: string, refreshS?: number): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
${refreshS === undefined ? '' : `<meta http-equiv="refresh" content="${refreshS}">`}
<title>${escape(title)}</title><style>${STYLE}</style></head>
<body><h1>${escape(title)}</h1>${body}
<p class="note">This is the sandbox of cloudflared-supervisor, not Cloudflare. It keeps everything in memory and reaches nobody.</p></body></html>
`;

const authoriseForm = (key: string, zones: readonly string[]): string => `
<form method="post" action="/argotunnel"><input type="hidden" name="login" value="${escape(key)}">
<select name="zone" aria-label="Zone">${zones.map((zone) => `<option>${escape(zone)}</option>`).join('')}</select>
<button>Authorize</button></form>`;

/** The page that cloudflared's URL leads to: choose the zone, authorize. */
export const authorisePage = (login: Login, zones: readonly string[]): string => page('Authorize Cloudflare Tunnel', `
<p>A cloudflared asks for a certificate for one of your zones. Choose the zone and authorize it.</p>${authoriseForm(login.key, zones)}`);

export const authorisedPage = (login: Login): string => page('Success', `
<p>cloudflared has got its certificate for <b>${escape(login.zone ?? '')}</b>. You may close this window.</p>`);

/** The start page: what waits for a person, for who has a browser that does not go through the proxy. */
export function pendingPage(waiting: readonly Login[], zones: readonly string[]): string {
  const list = waiting.length === 0
    ? '<p>No login waits. Start one with <code>cloudflared-supervisor setup</code>; this page looks again every two seconds.</p>'
    : `<ul>${waiting.map((login) => `<li><code>${escape(login.url)}</code>${authoriseForm(login.key, zones)}</li>`).join('')}</ul>`;
  // While a person chooses a zone the page must stay as it is.
  return page('Logins that wait for you', list, waiting.length === 0 ? 2 : undefined);
}

export const unknownLoginPage = (): string => page('There is no such login', '<p>Use the whole URL that cloudflared printed.</p>');
