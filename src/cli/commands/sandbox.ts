import { readCount } from '../arguments.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async ({ args, options, output, environment, signal }) => {
  const { runSandbox } = await import('../../sandbox/command.js');
  const zones = options.list('zone');
  const cloudflared = options.text('cloudflared');
  const port = readCount(options.text('port'), '--port', 1);
  const visitorsPort = readCount(options.text('visitors-port'), '--visitors-port', 1);
  const exec = args.filter((argument) => argument !== undefined);
  return await runSandbox(
    {
      json: output.json,
      ...(zones === undefined ? {} : { zones }),
      ...(port === undefined ? {} : { port }),
      ...(visitorsPort === undefined ? {} : { visitorsPort }),
      standIn: options.flag('stand-in'),
      ...(cloudflared === undefined ? {} : { cloudflared }),
      ...(exec.length === 0 ? {} : { exec }),
    },
    { stdout: process.stdout, environment, signal },
  );
};
