import type { Redactor } from './redact.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Fields first, then the message; what is in the fields is found by name, so the message needs no values. */
type Log = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export interface Logger {
  level: string;
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
  readonly fatal: Log;
  /** The same with these fields in every line. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly redactor: Redactor;
  /** Default: standard error. */
  readonly descriptor?: number;
}

/**
 * JSON lines, written at once (no worker and no buffer that a crash would take along). A reader of standard error that
 * is gone does not matter. pino is loaded here and not before.
 */
export async function createLogger({ level, redactor, descriptor = 2 }: LoggerOptions): Promise<Logger> {
  const { pino } = await import('pino');
  const logger: Logger = pino({
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    // What clients see of an error is no Error: pino would give it an empty stack, and a type that says nothing.
    serializers: { error: (error: unknown) => (error instanceof Error ? pino.stdSerializers.err(error) : error) },
    hooks: { streamWrite: (line) => `${redactor.redactJson(line)}\n` },
  }, pino.destination({ fd: descriptor, sync: true }));
  return logger;
}

/** For tests and for parts that run without a log. */
export const silentLogger: Logger = {
  level: 'silent',
  debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore,
  child: () => silentLogger,
};

function ignore(): void {
  // A log that nobody reads.
}
