import { printRules } from '../change-printer.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const client = await context.client();
  const forwarding = await client.readForwarding({ signal: context.signal });
  context.output.value(forwarding);
  printRules(context, forwarding.views);
  if (forwarding.setAside.length > 0) {
    context.output.line('Set aside, since they are not in this zone:');
    context.output.table(forwarding.setAside.map((rule) => [rule.hostname + (rule.path ?? ''), '→', rule.destination]));
  }
  return 0;
};
