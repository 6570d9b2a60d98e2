export const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'panic', 'disabled'] as const;
export type Level = (typeof LEVELS)[number];
export type Fields = Readonly<Record<string, unknown>>;

export interface LogEvent {
  readonly level: Level;
  /** UTC, to the second. */
  readonly time: string;
  readonly message: string;
  readonly fields: Fields;
}

/** Writes events somewhere, at once: a line that was logged is out when the program dies. */
export type Sink = (event: LogEvent) => void;

/** What runs and what went wrong, for people. */
export class Logger {
  readonly #sinks: readonly Sink[];
  readonly #minimum: Level;
  readonly #fields: Fields;

  constructor(sinks: readonly Sink[], minimum: Level, fields: Fields = {}) {
    this.#sinks = sinks;
    this.#minimum = minimum;
    this.#fields = fields;
  }

  /** The same log, with these in every event. */
  with(fields: Fields): Logger {
    return new Logger(this.#sinks, this.#minimum, { ...this.#fields, ...fields });
  }

  log(level: Level, message: string, fields: Fields = {}): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#minimum)) return;
    const event = { level, time: `${new Date().toISOString().slice(0, 19)}Z`, message, fields: { ...this.#fields, ...fields } };
    for (const sink of this.#sinks) sink(event);
  }

  debug(message: string, fields?: Fields): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.log('info', message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.log('warn', message, fields);
  }

  error(message: string, fields?: Fields): void {
    this.log('error', message, fields);
  }
}
