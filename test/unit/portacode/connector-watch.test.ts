import { expect, test } from 'vitest';
import type { SupervisorEvent } from '../../../src/core/events.js';
import type { ConnectorState, ConnectorStatus } from '../../../src/core/status.js';
import { ConnectorWatch } from '../../../src/portacode/connector-watch.js';

const connector = (id: number, state: ConnectorState): ConnectorStatus => ({ id, pid: 1, state, revision: 1, metricsUrl: null, startedAt: null, connections: 0 });

const event = (type: 'started' | 'ready' | 'lost' | 'draining' | 'stopped' | 'failed', id: number, state: ConnectorState): SupervisorEvent =>
  ({ seq: 1, at: '', type: `connector.${type}`, data: { ...connector(id, state), exitCode: 0, signal: null, retryAt: null, error: { code: 'CONNECTOR_CRASHED', message: 'It ended.', hint: '', problems: [] } } }) as SupervisorEvent;

test('one that takes the place of another changes nothing that can be seen', () => {
  const watch = new ConnectorWatch([connector(1, 'ready')]);
  const said = [event('started', 2, 'starting'), event('ready', 2, 'ready'), event('draining', 1, 'draining'), event('stopped', 1, 'stopped')].map((one) => watch.take(one));
  expect(said).toEqual([undefined, undefined, undefined, undefined]);
  expect(watch.now().state).toBe('ready');
});

test('a failure is said with its reason, each once', () => {
  const watch = new ConnectorWatch([]);
  expect(watch.now()).toMatchObject({ state: 'stopped', errorCode: null });
  expect(watch.take(event('started', 1, 'starting'))).toMatchObject({ state: 'starting' });
  expect(watch.take(event('failed', 1, 'waiting'))).toEqual({ state: 'waiting', message: 'The connector failed, and is started again soon. It ended.', errorCode: 'CONNECTOR_CRASHED' });
  expect(watch.take(event('failed', 1, 'waiting'))).toBeUndefined();
  expect(watch.take(event('ready', 1, 'ready'))).toMatchObject({ state: 'ready', errorCode: null });
  expect(watch.take(event('lost', 1, 'lost'))).toMatchObject({ state: 'lost' });
});

test('of one that died the reason is known only when the next one starts', () => {
  const watch = new ConnectorWatch([connector(1, 'ready')]);
  const said = [event('stopped', 1, 'stopped'), event('started', 2, 'starting'), event('failed', 1, 'stopped'), event('ready', 2, 'ready')].map((one) => watch.take(one));
  expect(said.map((news) => [news?.state, news?.errorCode])).toEqual([['stopped', null], ['starting', null], ['starting', 'CONNECTOR_CRASHED'], ['ready', null]]);
});

test('a reason that is known only when the next one serves is none of what comes later', () => {
  const watch = new ConnectorWatch([connector(1, 'ready')]);
  const said = [event('stopped', 1, 'stopped'), event('started', 2, 'starting'), event('ready', 2, 'ready'), event('failed', 1, 'stopped'), event('lost', 2, 'lost')].map((one) => watch.take(one));
  expect(said.map((news) => [news?.state, news?.errorCode])).toEqual([['stopped', null], ['starting', null], ['ready', null], [undefined, undefined], ['lost', null]]);
});
