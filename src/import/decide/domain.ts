import { isInZone, parseHostname } from '../../core/hostname.js';

/**
 * The longest domain that all of these names are in, where nobody says which zone they are in. One name alone is taken
 * for a name in its parent. Undefined where they have less than two labels in common.
 */
export function commonDomain(names: readonly string[]): string | undefined {
  const bare = [...new Set(names.flatMap((name) => {
    const parsed = parseHostname(name);
    return parsed.ok ? [parsed.value.hostname.replace(/^\*\./, '')] : [];
  }))];
  const wildcards = new Set(names.filter((name) => name.startsWith('*.')).map((name) => name.slice(2)));
  const [first] = bare;
  if (first === undefined) return undefined;
  const labels = first.split('.');
  // A single name is more likely one in a zone than the zone itself; below a wildcard stands a domain.
  const from = bare.length === 1 && labels.length > 2 && !wildcards.has(first) ? 1 : 0;
  for (let index = from; index <= labels.length - 2; index += 1) {
    const domain = labels.slice(index).join('.');
    if (bare.every((name) => isInZone(name, domain))) return domain;
  }
  return undefined;
}
