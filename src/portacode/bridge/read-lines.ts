/** One line of input; `undefined` text where it was too long to be read. */
export interface InputLine {
  readonly text: string | undefined;
}

/** As much as the daemon reads of one command. */
export const LONGEST_LINE_BYTES = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Lines as they come, whatever bytes they hold. One that is too long is passed over to its end, so that it costs neither
 * memory nor the line after it. The last one need not end in a newline.
 */
export async function* readInputLines(input: AsyncIterable<Uint8Array | string>, longestBytes = LONGEST_LINE_BYTES): AsyncGenerator<InputLine, void, undefined> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const finish = (): InputLine => {
    const line = bytes > longestBytes ? { text: undefined } : { text: Buffer.concat(pieces).toString('utf8') };
    pieces = [];
    bytes = 0;
    return line;
  };
  for await (const given of input) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, begin)) {
      take(chunk.subarray(begin, end));
      yield finish();
      begin = end + 1;
    }
    take(chunk.subarray(begin));
  }
  if (bytes > 0) yield finish();

  function take(piece: Buffer): void {
    bytes += piece.length;
    if (bytes > longestBytes) pieces = [];
    else pieces.push(piece);
  }
}
