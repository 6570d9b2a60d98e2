import { readCount } from '../arguments.js';
import type { RunCommand } from '../command.js';
import { printable } from '../printable.js';

export const run: RunCommand = async (context) => {
  const { options, output } = context;
  const lines = readCount(options.text('lines'), '--lines');
  const connector = readCount(options.text('connector'), '--connector');
  const client = await context.client();
  const follow = options.flag('follow');
  const stream = client.logs(
    { follow, ...(lines === undefined ? {} : { lines }), ...(connector === undefined ? {} : { connector }) },
    { signal: AbortSignal.any([context.signal, output.readerGone]) },
  );
  for await (const line of stream) {
    output.value(line);
    const fields = Object.entries(line.fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    const said = printable(`${line.at ?? ''} [${String(line.connector)}] ${line.level.padEnd(5)} ${line.message}`);
    output.line(`${said} ${output.paint('dim', printable(fields.join(' ')))}`.trimEnd());
  }
  return 0;
};
