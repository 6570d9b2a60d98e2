import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { SETUP_PLAN } from '../../../src/setup/steps.js';
import { createDeadlyGate, startSetupHarness, type SetupHarness } from './setup-harness.js';

let harness: SetupHarness;
beforeEach(async () => {
  harness = await startSetupHarness({ accounts: [{ name: 'One', zones: ['example.com'] }, { name: 'Two', zones: ['example.org'] }] });
});
afterEach(async () => {
  await harness.close();
});

const eventsOf = (type: string): readonly unknown[] => harness.events.flatMap((event) => (event.type === type ? [event.data] : []));
const boundaries = SETUP_PLAN.flatMap((name) => (['before', 'after'] as const).map((phase) => ({ name, phase })));
const neverAgain = async (): Promise<never> => {
  throw new SupervisorError('LOGIN_FAILED', 'A person was asked again.');
};

/** As the next start of the daemon does. */
async function restart(): Promise<void> {
  harness.login = neverAgain;
  const session = harness.createSession();
  session.recover(await harness.unfinished());
  await session.settled();
}

async function expectNothingLeft(): Promise<void> {
  const installed = await harness.installed();
  const expected = installed === undefined ? [] : ['cert.pem', 'tunnel.json', `${installed.identity.id}.json`];
  expect((await harness.files()).toSorted()).toEqual(expected.toSorted());
  expect(harness.tunnels()).toEqual(installed === undefined ? [] : [installed.identity.name]);
  expect(await harness.unfinished()).toEqual([]);
}

describe('a supervisor that is killed', () => {
  test('at a boundary has as many as the plan has steps', async () => {
    const { gate, passed } = createDeadlyGate(() => false);
    const session = harness.createSession({ gate });
    await session.start({}).outcome;
    await session.settled();
    expect(passed).toEqual(boundaries.map(({ name, phase }) => `${phase} ${name}`));
  });

  test.each(boundaries)('$phase $name finishes the setup or leaves nothing, without asking anyone', async ({ name, phase }) => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.name === name && boundary.phase === phase);
    harness.createSession({ gate }).start({ name: 'web' });
    await died;
    await restart();
    await expectNothingLeft();
    const isAuthorised = boundaries.findIndex((boundary) => boundary.name === name && boundary.phase === phase) > boundaries.findIndex((boundary) => boundary.name === 'log-in' && boundary.phase === 'before');
    expect((await harness.installed())?.identity.name).toBe(isAuthorised ? 'web' : undefined);
    expect(eventsOf('journal.recovered')).toMatchObject([{ outcome: isAuthorised ? 'finished' : 'undone' }]);
  });

  test.each(boundaries)('$phase $name of a reconnect serves the old or the new, and keeps the certificate that is owed', async ({ name, phase }) => {
    const session = harness.createSession();
    await session.start({ certificate: harness.issue().pem, name: 'old' }).outcome;
    await session.settled();
    const old = await harness.installed();

    const { gate, died } = createDeadlyGate((boundary) => boundary.name === name && boundary.phase === phase);
    harness.createSession({ gate }).start({ certificate: harness.issue('example.org').pem, name: 'new' });
    await died;
    expect([old?.identity.name, 'new']).toContain((await harness.installed())?.identity.name);
    await restart();
    await expectNothingLeft();
    expect((await harness.installed())?.certificate?.reveal()).toBeDefined();
  });

  test.each(['publish', 'create-tunnel', 'log-in'])('while it undoes %s goes on undoing', async (name) => {
    harness.beforePublish = async () => {
      throw new SupervisorError('DNS_CONFLICT', 'A record is there.');
    };
    const { gate, died } = createDeadlyGate((boundary) => boundary.name === name && boundary.phase === 'undo');
    harness.createSession({ gate }).start({ name: 'web' });
    await died;
    await restart();
    await expectNothingLeft();
    expect(await harness.installed()).toBeUndefined();
  });

  test('between the request and its answer finds the tunnel by its secret', async () => {
    const { createSecret } = harness.ports;
    const dead = harness.createSession({ openAccount: (pem) => ({ ...harness.ports.openAccount(pem), createTunnel: async (...request) => {
      await harness.ports.openAccount(pem).createTunnel(...request);
      return new Promise<never>(() => undefined);
    } }), createSecret });
    dead.start({ name: 'web' });
    while (harness.tunnels().length === 0) await new Promise((resolve) => setImmediate(resolve));
    await restart();
    await expectNothingLeft();
    expect((await harness.installed())?.identity).toMatchObject({ name: 'web', madeByUs: true });
  });

  test('while a person authorises it finds the certificate that came meanwhile', async () => {
    harness.login = (_signal, onUrl) => {
      onUrl('https://dash.cloudflare.com/argotunnel?aud=&callback=x');
      return new Promise<never>(() => undefined);
    };
    const issued = harness.when('login.url-issued');
    harness.createSession().start({ name: 'web' });
    await issued;
    const { pem } = harness.issue();
    const next = harness.createSession({ login: { ...harness.ports.login, collect: async () => pem } });
    next.recover(await harness.unfinished());
    await next.settled();
    await expectNothingLeft();
    expect((await harness.installed())?.identity.name).toBe('web');
  });

  test('while the network is away afterwards waits for it', async () => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.name === 'create-tunnel' && boundary.phase === 'before');
    harness.createSession({ gate }).start({ name: 'web' });
    await died;
    let attempts = 0;
    const session = harness.createSession({
      openAccount: (pem) => ({
        ...harness.ports.openAccount(pem),
        findTunnel: async (name, signal) => {
          attempts += 1;
          if (attempts < 4) throw new SupervisorError('CLOUDFLARE_UNREACHABLE', 'No answer.');
          return harness.ports.openAccount(pem).findTunnel(name, signal);
        },
      }),
    });
    session.recover(await harness.unfinished());
    await session.settled();
    expect(harness.clock.sleeps).toEqual(expect.arrayContaining([2_000, 4_000, 8_000]));
    await expectNothingLeft();
  });

  test('and cannot finish is undone when a person cancels', async () => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.name === 'publish' && boundary.phase === 'before');
    harness.createSession({ gate }).start({ name: 'web' });
    await died;
    const session = harness.createSession({
      publish: async () => {
        throw new SupervisorError('EDGE_UNREACHABLE', 'No edge.');
      },
    });
    session.recover(await harness.unfinished());
    while (session.status().step !== 'publish') await harness.when('setup.step-started');
    expect(session.start({ name: 'web' })).toMatchObject({ joined: true });
    expect(await session.cancel()).toBe(true);
    expect(session.status()).toMatchObject({ state: 'cancelled' });
    await expectNothingLeft();
    expect(await harness.installed()).toBeUndefined();
  });
});

describe('a supervisor that stops', () => {
  test('while a person is waited for undoes it at the next start', async () => {
    harness.login = (signal, onUrl) => {
      onUrl('https://dash.cloudflare.com/argotunnel?aud=&callback=x');
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    const session = harness.createSession();
    const issued = harness.when('login.url-issued');
    const { outcome } = session.start({});
    await issued;
    await session.interrupt();
    // What is said is what the next start does.
    await expect(outcome).rejects.toMatchObject({ code: 'DAEMON_STOPPING', message: 'The daemon stopped before the login was done; start setup again.' });
    expect(() => session.start({})).toThrow(expect.objectContaining({ code: 'DAEMON_STOPPING' }));
    await restart();
    await expectNothingLeft();
    expect(await harness.installed()).toBeUndefined();
  });

  test('after the login goes on with it at the next start, and says so', async () => {
    const session = harness.createSession();
    const loggedIn = harness.when('login.completed');
    const { outcome } = session.start({ name: 'web' });
    await loggedIn;
    await session.interrupt();
    await expect(outcome).rejects.toMatchObject({ code: 'DAEMON_STOPPING', message: 'The daemon stopped during the setup; the next one goes on with it.' });
    await restart();
    expect((await harness.installed())?.identity.name).toBe('web');
  });

  test('while it waits for connectors to drain deletes their tunnel at the next start', async () => {
    const first = harness.createSession();
    await first.start({ name: 'old' }).outcome;
    await first.settled();
    const session = harness.createSession({ drained: (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) });
    await session.start({ name: 'new' }).outcome;
    await session.interrupt();
    expect(harness.tunnels()).toEqual(['new', 'old']);
    await restart();
    await expectNothingLeft();
  });
});

describe('an undo that fails', () => {
  test('is tried again before the next setup, and given up and said if it fails again', async () => {
    harness.beforePublish = async () => {
      throw new SupervisorError('DNS_CONFLICT', 'A record is there.');
    };
    const fault = harness.sandbox.faults.api.add({ fault: { kind: 'html' }, method: 'DELETE' });
    const session = harness.createSession();
    await expect(session.start({ name: 'web' }).outcome).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(eventsOf('daemon.warned')).toMatchObject([{ code: 'CLOUDFLARE_UNEXPECTED' }]);
    expect(harness.tunnels()).toEqual(['web']);

    harness.sandbox.faults.api.remove(fault);
    harness.beforePublish = async () => undefined;
    await session.start({ name: 'other' }).outcome;
    await session.settled();
    await expectNothingLeft();
    expect((await harness.installed())?.identity.name).toBe('other');
  });

  test('does not keep this machine from being connected', async () => {
    harness.beforePublish = async () => {
      throw new SupervisorError('DNS_CONFLICT', 'A record is there.');
    };
    harness.sandbox.faults.api.add({ fault: { kind: 'html' }, method: 'DELETE' });
    const session = harness.createSession();
    await expect(session.start({ name: 'web' }).outcome).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    harness.beforePublish = async () => undefined;
    await session.start({ name: 'other' }).outcome;
    await session.settled();
    expect(eventsOf('daemon.warned')).toContainEqual(expect.objectContaining({ code: 'TUNNEL_LEFT' }));
    expect(await harness.unfinished()).toEqual([]);
  });
});
