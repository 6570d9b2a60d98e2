/** Recognises the authorisation URL in what `tunnel login` writes, however it is cut into pieces. */

const AUTHORISATION = /(?:^|\s)(https:\/\/dash\.(?:fed\.)?cloudflare\.com\/argotunnel\?[^\s]+)(?=\s)/;
const CALLBACK_HOSTS = new Set(['login.cloudflareaccess.org', 'login.fed.cloudflareaccess.org']);

/** Colours and cursor movements of a terminal; an unfinished one at the end waits for its rest. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what is taken out
const ANSI = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\^_])/g;

/** More than any login writes. */
const MAX_CHARACTERS = 64 * 1024;

export interface LoginOutput {
  /** The URL, the first time that all of it is there: what ends it (a blank, a line break) has been seen too. */
  add(text: string): string | undefined;
  /** What was written last, for people. */
  lastLine(): string;
}

export function createLoginOutput(): LoginOutput {
  let text = '';
  let found = false;
  return {
    add: (piece) => {
      text = (text + piece).slice(-MAX_CHARACTERS);
      if (found) return undefined;
      const url = AUTHORISATION.exec(text.replace(ANSI, ''))?.[1];
      if (url === undefined || !isAuthorisation(url)) return undefined;
      found = true;
      return url;
    },
    lastLine: () => text.replace(ANSI, '').split(/[\r\n]+/).map((line) => line.trim()).findLast((line) => line !== '') ?? '',
  };
}

/** Whoever opens it grants access to a zone: nothing that only looks like it is passed on. */
export function isAuthorisation(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const callback = url.searchParams.get('callback') ?? '';
  return url.protocol === 'https:' && ['dash.cloudflare.com', 'dash.fed.cloudflare.com'].includes(url.host) && url.pathname === '/argotunnel'
    && url.username === '' && URL.canParse(callback) && new URL(callback).protocol === 'https:' && CALLBACK_HOSTS.has(new URL(callback).host);
}
