import { printRules } from '../change-printer.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const device = context.args[0];
  const client = await context.client();
  const answer = await client.reconcile(device === undefined ? {} : { device }, { signal: context.signal });
  context.output.value(answer);
  context.output.warn(answer.warnings);
  // One that is unknown, or was removed: there is nothing of it to show.
  if (device !== undefined && answer.rules.length === 0 && !answer.changed) {
    context.output.line(`No rule leads to device ${device}.`);
    return 0;
  }
  context.output.line(answer.changed ? `Addresses had changed; revision ${String(answer.revision)} is published.` : 'No address had changed.');
  printRules(context, answer.rules);
  return 0;
};
