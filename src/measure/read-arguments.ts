import { parseArgs, type ParseArgsConfig } from 'node:util';

/** What was given after `npm run … --`. What cannot be read is said, and ends the program with 2. */
export function readArguments<Options extends NonNullable<ParseArgsConfig['options']>>(options: Options, usage: string): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuseArguments(error instanceof Error ? error.message : String(error), usage);
  }
}

export function refuseArguments(message: string, usage: string): never {
  process.stderr.write(`${message.replaceAll('\n', ' ')}\nUsage: ${usage}\n`);
  process.exit(2);
}
