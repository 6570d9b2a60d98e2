import { printRules } from '../change-printer.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const client = await context.client();
  const forwarding = await client.readForwarding({ signal: context.signal });
  context.output.value(forwarding);
  printRules(context, forwarding.views);
  return 0;
};
