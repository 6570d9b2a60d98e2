import { accessSync, constants } from 'node:fs';
import { SupervisorError } from '../../core/errors.js';
import { readCount, readFailure } from '../arguments.js';
import type { RunCommand } from '../command.js';

export const run: RunCommand = async ({ args, options, output, environment, signal }) => {
  const { runSandbox } = await import('../../sandbox/command.js');
  const zones = options.list('zone');
  const cloudflared = options.text('cloudflared');
  const port = readCount(options.text('port'), '--port', 1);
  const visitorsPort = readCount(options.text('visitors-port'), '--visitors-port', 1);
  const exec = args.filter((argument) => argument !== undefined);
  if (cloudflared !== undefined) mustBeProgram(cloudflared);
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
  ).catch((error: unknown) => {
    if (error instanceof SupervisorError) throw error;
    // A port that is taken, a zone that cannot be: what was asked for, and nothing to be found in a log.
    throw new SupervisorError('OPTION_INVALID', error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error), { cause: error, hint: 'See `cloudflared-supervisor sandbox --help`.' });
  });
};

function mustBeProgram(file: string): void {
  try {
    accessSync(file, constants.X_OK);
  } catch (error) {
    throw new SupervisorError('OPTION_INVALID', `--cloudflared must be a program, and ${file} is none: ${readFailure(error)}`, { cause: error });
  }
}
