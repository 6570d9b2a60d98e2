import { readChangeOptions, readCount } from '../arguments.js';
import { printChange } from '../change-printer.js';
import type { CommandContext, RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  if (context.options.flag('list')) return await listRevisions(context);
  const revision = readCount(context.args[0], 'REVISION', 1);
  const client = await context.client();
  const change = await client.rollback({ ...(revision === undefined ? {} : { revision }), ...readChangeOptions(context).request }, { signal: context.signal });
  printChange(context, change, revision === undefined ? 'the revision before is published again' : `revision ${String(revision)} is published again`);
  return 0;
};

async function listRevisions(context: CommandContext): Promise<number> {
  const client = await context.client();
  const answer = await client.listRevisions({ signal: context.signal });
  context.output.value(answer);
  if (answer.revisions.length === 0) {
    context.output.line('There is no revision yet: the first rule makes one.');
    return 0;
  }
  context.output.table([
    ['REVISION', 'AT', 'WHY', 'RULES', ''],
    ...answer.revisions.map((entry) => [String(entry.revision), entry.createdAt, entry.reason, String(entry.rules), entry.current ? 'current' : '']),
  ]);
  return 0;
}
