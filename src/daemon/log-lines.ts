import type { ConnectorLogLine } from '../cloudflared/log-line.js';
import type { SupervisorEvent } from '../core/events.js';
import type { Logger } from '../host/logging.js';

/** A connector's line as one of ours. */
export function logConnectorLine(logger: Logger, { pid, revision, level, message, fields }: ConnectorLogLine): void {
  const write = isLevel(level) ? level : 'info';
  logger[write]({ connector: { pid, revision }, ...fields }, message);
}

const isLevel = (level: string): level is 'debug' | 'info' | 'warn' | 'error' | 'fatal' => ['debug', 'info', 'warn', 'error', 'fatal'].includes(level);

/** What happened, for who reads the log afterwards. Ten thousand rules are a number here. */
export function logEvent(logger: Logger, event: SupervisorEvent): void {
  const fields = { seq: event.seq, ...shorten(event.data) };
  switch (event.type) {
    case 'connector.failed':
    case 'setup.failed':
    case 'forwarding.rolled-back':
    case 'document.restored':
      logger.error(fields, event.type);
      return;
    case 'daemon.warned':
    case 'forwarding.refused':
    case 'connector.lost':
    case 'dns.drifted':
    case 'copy.edited':
    case 'copy.failed':
    case 'journal.recovered':
      logger.warn(fields, event.type);
      return;
    case 'forwarding.progressed':
      logger.debug(fields, event.type);
      return;
    default:
      logger.info(fields, event.type);
  }
}

const shorten = (data: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(data).map(([name, value]: [string, unknown]) => [name, name === 'rules' && Array.isArray(value) ? value.length : value]));
