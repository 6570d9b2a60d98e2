import type { RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const client = await context.client();
  const answer = await client.cancelSetup({ signal: context.signal });
  context.output.value(answer);
  context.output.line(answer.cancelled ? 'The setup is cancelled; what served before serves on.' : 'There was no setup to cancel.');
  return 0;
};
