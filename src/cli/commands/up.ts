import type { RunCommand } from '../command.js';
import { readRunFlags, toArguments } from '../run-flags.js';
import { startInBackground, whoServes } from '../start-daemon.js';
import { waitForEnd } from '../wait-for-end.js';

export const run: RunCommand = async (context) => {
  const { output, options, signal } = context;
  const places = await context.places();
  const client = await context.client();
  const serving = await whoServes(client, signal);
  if (serving !== undefined && !options.flag('restart')) {
    output.value({ started: false, pid: serving.daemon.pid, socket: serving.daemon.socket, version: serving.daemon.version });
    output.line(`A daemon serves already (pid ${String(serving.daemon.pid)}).`);
    return 0;
  }
  if (serving !== undefined) {
    output.progress('Handing over …');
    const { pid } = await client.stopDaemon({ handover: true }, { signal });
    await waitForEnd(client, pid, signal);
  }
  output.progress('Starting …');
  const ready = await startInBackground({ places, flags: toArguments(readRunFlags(options)), environment: context.environment, signal });
  output.value({ started: true, ...ready });
  output.line(`The daemon serves (pid ${String(ready.pid)}); its log is ${places.paths.daemonLog}.`);
  return 0;
};
