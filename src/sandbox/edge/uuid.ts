const UUID_BYTES = 16;

/** `undefined` where the bytes are no UUID. Lower case, with hyphens. */
export function formatUuid(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength !== UUID_BYTES) return undefined;
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Throws TypeError on what is no UUID. */
export function parseUuid(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/iu.test(hex)) throw new TypeError(`not a UUID: ${text}`);
  return Buffer.from(hex, 'hex');
}
