/** What the first bytes of a file say it is: enough to tell the ways in which a download goes wrong. Runs nothing. */
export type ProgramKind =
  /** `neededBytes`: where the last of what is loaded ends; a shorter file was cut off. */
  | { readonly kind: 'elf'; readonly machine: number; readonly neededBytes: number }
  /** Begins with `#!`: somebody's wrapper around a cloudflared. */
  | { readonly kind: 'script' }
  /** Of a login page, a proxy, or a server that has no such file. */
  | { readonly kind: 'web-page' }
  /** A program of another system: macOS, Windows. */
  | { readonly kind: 'foreign-program' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown' };

/** So much of a file is enough. */
export const HEADER_BYTES = 4_096;

const ELF_MAGIC = '\u007fELF';
/** Mach-O of both byte orders and universal, as hex; PE begins with `MZ`. */
const MACH_O = new Set(['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe']);

export function readProgramKind(head: Buffer): ProgramKind {
  if (head.length === 0) return { kind: 'empty' };
  if (head.toString('latin1', 0, 4) === ELF_MAGIC) return readElf(head);
  if (head.toString('latin1', 0, 2) === '#!') return { kind: 'script' };
  if (MACH_O.has(head.toString('hex', 0, 4)) || head.toString('latin1', 0, 2) === 'MZ') return { kind: 'foreign-program' };
  return looksLikeMarkup(head) ? { kind: 'web-page' } : { kind: 'unknown' };
}

const looksLikeMarkup = (head: Buffer): boolean => /^(?:\uFEFF)?\s*<(?:!doctype|!--|\?xml|[a-z])/i.test(head.toString('utf8', 0, 512));

/** Offsets of the fields that are read, by class. */
const ELF_32 = { headerBytes: 52, tableAt: 28, entryBytesAt: 42, entriesAt: 44, offsetAt: 4, sizeAt: 16, isWide: false } as const;
const ELF_64 = { headerBytes: 64, tableAt: 32, entryBytesAt: 54, entriesAt: 56, offsetAt: 8, sizeAt: 32, isWide: true } as const;

function readElf(head: Buffer): ProgramKind {
  const layout = head[4] === 1 ? ELF_32 : ELF_64;
  const isBig = head[5] === 2;
  const half = (at: number): number => (at + 2 > head.length ? 0 : isBig ? head.readUInt16BE(at) : head.readUInt16LE(at));
  const word = (at: number): number => {
    if (at + (layout.isWide ? 8 : 4) > head.length) return 0;
    if (layout.isWide) return Number(isBig ? head.readBigUInt64BE(at) : head.readBigUInt64LE(at));
    return isBig ? head.readUInt32BE(at) : head.readUInt32LE(at);
  };
  const table = word(layout.tableAt);
  const entryBytes = half(layout.entryBytesAt);
  const entries = half(layout.entriesAt);
  const starts = Array.from({ length: entries }, (_, index) => table + index * entryBytes);
  const ends = starts.map((start) => word(start + layout.offsetAt) + word(start + layout.sizeAt));
  return { kind: 'elf', machine: half(18), neededBytes: Math.max(layout.headerBytes, table + entries * entryBytes, ...ends) };
}
