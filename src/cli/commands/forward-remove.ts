import { argument, readChangeOptions } from '../arguments.js';
import { printChange } from '../change-printer.js';
import type { RunCommand } from '../command.js';
import { readHostAndPath } from '../rule-argument.js';

export const run: RunCommand = async (context) => {
  const where = readHostAndPath(argument(context, 0));
  const { request, options } = readChangeOptions(context);
  const client = await context.client();
  const change = await client.removeRule({ ...where, ...request }, { ...options, signal: context.signal });
  printChange(context, change, `${where.hostname}${where.path ?? ''} is withdrawn`);
  return 0;
};
