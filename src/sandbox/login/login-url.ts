/** The page that cloudflared tells people to open, and the store where it then looks for the certificate. */
export const LOGIN_PAGE_HOST = 'dash.cloudflare.com';
export const CERTIFICATE_STORE_HOST = 'login.cloudflareaccess.org';

/** The URL as cloudflared prints it. */
export function toLoginUrl(key: string): string {
  const url = new URL(`https://${LOGIN_PAGE_HOST}/argotunnel`);
  url.searchParams.set('aud', '');
  url.searchParams.set('callback', `https://${CERTIFICATE_STORE_HOST}/${key}`);
  return url.href;
}

/** The key of a login: from the URL that cloudflared prints, or from its page's `callback`, or the key itself. */
export function toLoginKey(text: string): string | undefined {
  if (/^[\w-]+={0,2}$/u.test(text)) return text;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const callback = url.searchParams.get('callback');
  if (callback !== null) return toLoginKey(callback);
  return url.host === CERTIFICATE_STORE_HOST ? toLoginKey(decodeURIComponent(url.pathname.slice(1))) : undefined;
}
