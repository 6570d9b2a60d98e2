import type { Context } from '../command-line/context.js';
import { messageOf } from '../failure.js';
import { goQuote } from '../go-quote.js';
import { LEVELS, Logger, type Level, type Sink } from './logger.js';
import { consoleSink, directorySink, fileSink } from './sinks.js';

let hasReportedLevel = false;

function parseLevel(text: string): Level | undefined {
  if (text === '' || text === 'trace') return text === '' ? 'info' : 'debug';
  return LEVELS.find((level) => level === text);
}

/** The log that the flags ask for. Made anew once the configuration file has had its say. */
export function createLogger(context: Context): Logger {
  const format = context.text('output') === 'json' ? 'json' : 'text';
  const [file, directory] = [context.text('logfile'), context.text('log-directory')];
  const sinks: Sink[] = [consoleSink(format)];
  let problem: string | undefined;
  try {
    if (file !== '') sinks.push(fileSink(file));
    else if (directory !== '') sinks.push(directorySink(directory));
  } catch (error) {
    problem = messageOf(error);
  }
  const level = parseLevel(context.text('loglevel'));
  const log = new Logger(sinks, level ?? 'info');
  if (problem !== undefined) log.error(`Falling back to a default logger due to logger setup failure: unable to create a new logfile: ${problem}`);
  if (level === undefined && !hasReportedLevel) {
    hasReportedLevel = true;
    log.error(`Failed to parse log level ${goQuote(context.text('loglevel'))}, using "info" instead`);
  }
  if (file !== '' && directory !== '') {
    log.error(`Your config includes values for both logfile (${file}) and log-directory (${directory}), but they are incompatible. logfile takes precedence.`);
  }
  return log;
}
