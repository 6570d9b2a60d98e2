import { SupervisorError } from '../../core/errors.js';
import type { RunCommand } from '../command.js';
import { waitForEnd } from '../wait-for-end.js';

export const run: RunCommand = async (context) => {
  const client = await context.client();
  try {
    const { pid } = await client.stopDaemon({ handover: false }, { signal: context.signal });
    context.output.progress('Waiting for requests in flight …');
    await waitForEnd(client, pid, context.signal);
    context.output.value({ stopped: true, pid });
    context.output.line(`The daemon (pid ${String(pid)}) has stopped.`);
  } catch (error) {
    if (!(error instanceof SupervisorError) || error.code !== 'DAEMON_UNREACHABLE') throw error;
    context.output.value({ stopped: false, pid: null });
    context.output.line('No daemon was running.');
  }
  return 0;
};
