import type { Redactor } from '../host/redact.js';

/** One line of a connector's log, without secrets. */
export interface ConnectorLogLine {
  readonly pid: number;
  readonly revision: number;
  /** The number of its file, `connector-<n>.log`; 0 where it writes to no such file. */
  readonly log: number;
  /** `debug`, `info`, `warn`, `error`, `fatal`; `info` for what is no JSON. */
  readonly level: string;
  readonly message: string;
  /** As cloudflared wrote it; null for what is no JSON. */
  readonly time: string | null;
  /** What else the line holds: `connIndex`, `ip`, `error`, … */
  readonly fields: Readonly<Record<string, unknown>>;
}

export type LogContent = Omit<ConnectorLogLine, 'pid' | 'revision' | 'log'>;

/** cloudflared writes JSON lines, and plain text where it ends before its logger is made. */
export function parseLogLine(text: string, redactor: Pick<Redactor, 'redact' | 'redactJson'>): LogContent {
  const line = parseObject(text);
  if (line === undefined) return { level: 'info', message: redactor.redact(text), time: null, fields: {} };
  const { level, message, time, ...fields } = parseObject(redactor.redactJson(text)) ?? {};
  return {
    level: typeof level === 'string' ? level : 'info',
    message: typeof message === 'string' ? message : '',
    time: typeof time === 'string' ? time : null,
    fields,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined; // A line that begins like JSON and is none, or was cut off: as text.
  }
}

/** For people: the message, and what it says of the error. */
export function describeLogLine({ message, fields }: LogContent): string {
  const error = fields['error'];
  return typeof error === 'string' && error !== '' && !message.includes(error) ? `${message}: ${error}` : message;
}
