/** Which requests a rule of cloudflared's is for, as far as we can compare it. */
export interface Reach {
  /** Normalized; undefined is every name. */
  readonly hostname: string | undefined;
  /** `inexpressible` is a pattern that we do not read: some paths of the name. */
  readonly path: { readonly prefix: string | undefined } | 'inexpressible';
}

/** Every request of `b` is one of `a`: standing before it, `a` leaves nothing for `b`. */
export const covers = (a: Reach, b: Reach): boolean => coversName(a.hostname, b.hostname) && coversPath(a.path, b.path);

/** A request may be one of both. */
export const overlaps = (a: Reach, b: Reach): boolean =>
  (coversName(a.hostname, b.hostname) || coversName(b.hostname, a.hostname)) && (mayCoverPath(a.path, b.path) || mayCoverPath(b.path, a.path));

/** A wildcard of cloudflared's is for names of any depth, and not for the bare domain. */
function coversName(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined) return true;
  if (b === undefined) return false;
  if (a === b) return true;
  return a.startsWith('*.') && b.replace(/^\*(?=\.)/, '').endsWith(a.slice(1));
}

function coversPath(a: Reach['path'], b: Reach['path']): boolean {
  if (a === 'inexpressible') return false;
  if (a.prefix === undefined) return true;
  return b !== 'inexpressible' && b.prefix !== undefined && (b.prefix === a.prefix || b.prefix.startsWith(`${a.prefix}/`));
}

const mayCoverPath = (a: Reach['path'], b: Reach['path']): boolean => a === 'inexpressible' || b === 'inexpressible' || coversPath(a, b);
