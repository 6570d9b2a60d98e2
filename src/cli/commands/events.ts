import { readCount } from '../arguments.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const since = readCount(context.options.text('since'), '--since');
  const client = await context.client();
  for await (const event of client.events({ ...(since === undefined ? {} : { since }), signal: AbortSignal.any([context.signal, context.output.readerGone]) })) {
    context.output.value(event);
    if (event.type === 'heartbeat' || event.type === 'snapshot') continue;
    context.output.line(`${event.at} ${event.type} ${JSON.stringify(event.data)}`);
  }
  return 0;
};
