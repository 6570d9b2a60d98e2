import { argument, readChangeOptions } from '../arguments.js';
import { printChange } from '../change-printer.js';
import type { RunCommand } from '../command.js';
import { readDestination, readHostAndPath, readOriginOptions } from '../rule-argument.js';

export const run: RunCommand = async (context) => {
  const where = readHostAndPath(argument(context, 0));
  const destination = readDestination(argument(context, 1));
  const origin = context.options.list('origin');
  const { request, options } = readChangeOptions(context);
  const client = await context.client();
  const change = await client.addRule(
    { ...where, destination, ...(origin === undefined ? {} : { originRequest: readOriginOptions(origin) }), ...request },
    { ...options, signal: context.signal },
  );
  printChange(context, change, `${where.hostname}${where.path ?? ''} → ${destination}`);
  return 0;
};
