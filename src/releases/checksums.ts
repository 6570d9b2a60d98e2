/** What `sha256sum` writes, and what people paste of it. */

const SHA256 = /^[0-9a-f]{64}$/i;

/** Lower case; undefined where it is none. `sha256:` before it is how container tools and GitHub write it. */
export function parseSha256(text: string): string | undefined {
  const digest = text.trim().replace(/^sha256:/i, '');
  return SHA256.test(digest) ? digest.toLowerCase() : undefined;
}

/** Lines of `<sha256>  <name>`, with `*` before the name where it was read as binary; a lone sum is of whatever is asked for. */
export function findChecksum(text: string, name: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  for (const line of lines) {
    const [, sum = '', named = ''] = /^(\S+)\s+\*?(.+)$/.exec(line) ?? [];
    if (named.split('/').at(-1) === name && parseSha256(sum) !== undefined) return parseSha256(sum);
  }
  return lines.length === 1 ? parseSha256(lines[0] ?? '') : undefined;
}
