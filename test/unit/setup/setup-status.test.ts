import { describe, expect, test } from 'vitest';
import { NO_SETUP, nextSetupStatus, watchStatus } from '../../../src/setup/setup-status.js';
import { journalParameters, readParameters, sameParameters } from '../../../src/setup/parameters.js';
import { Secret } from '../../../src/core/secret.js';

describe('the status of a setup', () => {
  test('is what its events make of it', () => {
    const passedOn: string[] = [];
    const { emit, status } = watchStatus((type) => void passedOn.push(type));
    expect(status()).toEqual(NO_SETUP);
    emit('setup.step-started', { step: 'log-in' });
    emit('login.url-issued', { url: 'https://one', expiresAt: 'then', attempt: 1 });
    emit('setup.step-waiting', { step: 'log-in', message: 'open it' });
    expect(status()).toEqual({ state: 'waiting', step: 'log-in', loginUrl: 'https://one', expiresAt: 'then', message: 'open it' });
    emit('login.completed', { zoneId: 'z' });
    expect(status()).toMatchObject({ state: 'running', loginUrl: null, expiresAt: null, message: null });
    emit('setup.step-started', { step: 'publish' });
    expect(status()).toMatchObject({ state: 'running', step: 'publish' });
    emit('setup.completed', { domain: 'example.com', tunnelId: 'id', tunnelName: 'name', tunnelExisted: false });
    expect(status()).toEqual({ ...NO_SETUP, state: 'completed', message: 'Cloudflare tunnel ready for example.com.' });
    expect(passedOn).toHaveLength(6);
  });

  test('tells cancelled from failed, and does not mind other events', () => {
    const error = { code: 'SETUP_CANCELLED', message: 'over', hint: '', problems: [] } as const;
    expect(nextSetupStatus(NO_SETUP, 'setup.failed', { step: 'log-in', error })).toMatchObject({ state: 'cancelled', step: 'log-in', message: 'over' });
    expect(nextSetupStatus(NO_SETUP, 'setup.failed', { step: 'publish', error: { ...error, code: 'DNS_CONFLICT' } })).toMatchObject({ state: 'failed' });
    expect(nextSetupStatus(NO_SETUP, 'daemon.stopping', { handover: false })).toBe(NO_SETUP);
  });
});

describe('the parameters of a setup', () => {
  test('are the same whatever somebody would wait', () => {
    expect(sameParameters({ name: 'a', timeoutMs: 1 }, { name: 'a', join: false })).toBe(true);
    expect(sameParameters({ certificate: new Secret('x') }, { certificate: new Secret('x') })).toBe(true);
    for (const other of [{ name: 'b' }, { name: 'a', join: true }, { name: 'a', domain: 'd' }, { name: 'a', takeover: true }, { name: 'a', certificate: new Secret('x') }]) {
      expect(sameParameters({ name: 'a' }, other)).toBe(false);
    }
  });

  test('are journalled without the certificate', () => {
    const parameters = { name: 'a', timeoutMs: 5, join: true, domain: 'd', takeover: false };
    const journalled = journalParameters({ ...parameters, certificate: new Secret('x') });
    expect(journalled).toEqual(parameters);
    expect(readParameters(JSON.parse(JSON.stringify(journalled)))).toEqual(parameters);
    for (const rubbish of [null, undefined, 7, [], { name: 7, timeoutMs: 'x', join: 'yes', certificate: 'x' }]) expect(readParameters(rubbish)).toEqual({});
  });
});
