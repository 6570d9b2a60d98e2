/**
 * Patterns for paths: `*` stands for one segment, `**` for any number of them, none included. The path is without the leading
 * `/client/v4/` and without the query: `zones/*` + `/dns_records`, `accounts/*` + `/cfd_tunnel/**`.
 */
export function matchesPath(pattern: string, path: string): boolean {
  return matchSegments(pattern.split('/'), path.split('/'));
}

function matchSegments(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return path.length === 0;
  if (first === '**') return matchSegments(rest, path) || (path.length > 0 && matchSegments(pattern, path.slice(1)));
  return path.length > 0 && (first === '*' || first === path[0]) && matchSegments(rest, path.slice(1));
}
