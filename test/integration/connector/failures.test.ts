import { chmod, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signalPid } from '../../fixtures/signal-pid.js';
import { PROGRAMS, Rig } from './rig.js';

/** Every failure of the table that a program, a file or the network can be made to show. */
describe.each(PROGRAMS)('failures in supervision ($name)', (kind) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.open(kind);
  });
  afterEach(async () => {
    await rig.close();
  });

  test('a refused configuration is reported at once, not hammered, and heals when the file is mended', async () => {
    await writeFile(rig.paths.revisionYml(1), 'ingress: [ {service: "http://a/b"} ]');
    const supervisor = rig.supervisor({ causeCheckMs: 100 });
    supervisor.promote(1);
    const failed = await rig.seen('connector.failed');
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'CONFIG_REFUSED' } });
    expect(failed.error.message).toContain('http://a/b');
    expect(Date.parse(failed.retryAt ?? '') - Date.now()).toBeGreaterThan(60_000);
    expect(supervisor.attention()).toMatchObject([{ code: 'CONFIG_REFUSED' }]);
    expect(rig.count('connector.started')).toBe(1);
    await rig.writeRevision(1);
    await rig.seen('connector.ready');
    expect(supervisor.attention()).toEqual([]);
    expect(rig.count('connector.started')).toBe(2);
  });

  test('missing credentials are reported without a start, and heal when they are there', async () => {
    await rm(rig.paths.credentials(rig.tunnelId));
    const supervisor = rig.supervisor({ causeCheckMs: 100 });
    supervisor.promote(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'CREDENTIALS_MISSING' } });
    expect(rig.count('connector.started')).toBe(0);
    expect(supervisor.status()).toMatchObject([{ state: 'failed', pid: null }]);
    await rig.writeCredentials();
    await rig.seen('connector.ready');
  });

  test('a binary that is missing, and one that does not run, are told apart; it heals when it is installed', async () => {
    const binary = join(rig.paths.binDir, 'elsewhere');
    const supervisor = rig.supervisor({ causeCheckMs: 100 }, { binary });
    supervisor.promote(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'BINARY_MISSING' } });
    await writeFile(binary, '<html>not a program</html>');
    await chmod(binary, 0o755);
    await rig.seen('connector.failed', (data) => data.error.code === 'BINARY_UNUSABLE');
    await writeFile(binary, `#!/bin/sh\nexec ${rig.binary} "$@"\n`);
    await rig.seen('connector.ready');
    expect(rig.count('connector.started')).toBe(1);
  });

  test('a deleted tunnel is known from the counter and the API, and the connector does not go on asking', async () => {
    rig.verdict = { kind: 'reject', cause: 'Unauthorized: Tunnel not found' };
    rig.tunnelVerdict = 'deleted';
    const supervisor = rig.supervisor({ causeCheckMs: 100 });
    supervisor.promote(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'TUNNEL_DELETED' } });
    expect(rig.processes()).toEqual([]);
    expect(supervisor.attention()).toMatchObject([{ code: 'TUNNEL_DELETED' }]);
    rig.verdict = { kind: 'accept' };
    await rig.writeCredentials();
    await rig.seen('connector.ready');
  });

  test('refused credentials, and an edge that refuses for reasons of its own, are told apart', async () => {
    rig.verdict = { kind: 'reject', cause: 'Unauthorized: Invalid tunnel secret' };
    rig.tunnelVerdict = 'credentials-refused';
    const supervisor = rig.supervisor({ causeCheckMs: 100 });
    const handle = await supervisor.start(1);
    await expect(supervisor.verify(handle, [], new AbortController().signal)).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' });
    rig.tunnelVerdict = 'usable';
    const again = rig.supervisor({ diagnosisMs: 200, readyTimeoutMs: 4_000 });
    const other = await again.start(1);
    await expect(again.verify(other, [], new AbortController().signal)).rejects.toMatchObject({ code: 'EDGE_REFUSED' });
    await again.retire(other);
  });

  test('one that served, and is refused when it connects again, is told so', { timeout: 60_000 }, async () => {
    await rig.setFaults({ run: { retryScale: 0.02 } });
    rig.tunnelVerdict = 'usable';
    const supervisor = rig.supervisor({ firstDiagnosisMs: 500, diagnosisMs: 500 });
    supervisor.promote(1);
    // All of them, or one that is on its way would be refused before the loss.
    await rig.edge.waitUntil((connections) => connections.length === 4, AbortSignal.timeout(20_000));
    await rig.seen('connector.ready');
    rig.verdict = { kind: 'reject', cause: 'Unauthorized: Invalid tunnel secret' };
    rig.edge.drop(() => true);
    await rig.seen('connector.lost');
    // The real program pauses before it connects again.
    await expect.poll(() => supervisor.attention()[0]?.code, { timeout: 40_000 }).toBe('EDGE_REFUSED');
  });

  test('an edge that is not there: the connector is left alone, and nothing is started in vain', async () => {
    await rig.setFaults({ run: { retryScale: 0.02 } });
    await rig.edge.setDialMode('refuse');
    const supervisor = rig.supervisor({ firstDiagnosisMs: 300, diagnosisMs: 200, withoutConnectionMs: 20_000 });
    supervisor.promote(1);
    await expect.poll(() => supervisor.attention()[0]?.code, { timeout: 10_000 }).toBe('EDGE_UNREACHABLE');
    await rig.edge.setDialMode('serve');
    await rig.seen('connector.ready');
    expect(rig.count('connector.started')).toBe(1);
  });

  test('a metrics port that somebody took is not a failure: another is chosen', async () => {
    // A listener in the way of the connector, from before it is started.
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => {
      squatter.once('listening', resolve);
    });
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    // The first start is sent to that port, by a program between us and cloudflared.
    const binary = join(rig.paths.binDir, 'cloudflared');
    const once = join(rig.paths.binDir, 'once');
    await writeFile(once, '');
    await writeFile(binary, `#!/bin/bash\nif [ -e ${once} ] && [[ "$*" == *--metrics* ]]; then rm ${once}; args=("$@"); for i in "\${!args[@]}"; do [[ "\${args[$i]}" == 127.0.0.1:* && "\${args[$((i-1))]}" == --metrics ]] && args[$i]=127.0.0.1:${port}; done; exec ${rig.binary} "\${args[@]}"; fi\nexec ${rig.binary} "$@"\n`, { mode: 0o755 });
    const supervisor = rig.supervisor({}, { binary });
    supervisor.promote(1);
    await rig.seen('connector.ready');
    squatter.close();
    expect(supervisor.status()).toMatchObject([{ state: 'ready' }]);
    expect(rig.count('connector.started')).toBe(2);
  });

  test('a connector that is told to stop by somebody else drains, gets no second signal, and is succeeded at once', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    const since = rig.events.length;
    signalPid(pid, 'SIGTERM');
    const next = await rig.seen('connector.ready', () => true, since);
    expect(next.pid).not.toBe(pid);
    expect(await rig.seen('connector.stopped')).toMatchObject({ pid, exitCode: 0 });
  });
});

/** What a debugger, or a hanging disk, does to any program. */
describe.each(PROGRAMS)('a connector that does nothing any more ($name)', (kind) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.open(kind);
  });
  afterEach(async () => {
    await rig.close();
  });

  test('is lost, replaced beside it, and killed when it does not end either', async () => {
    const supervisor = rig.supervisor({ readyProbeMs: 50, unreachableProbes: 1, firstDiagnosisMs: 50, diagnosisMs: 50, withoutConnectionMs: 100, confirmReadyMs: 50, stopTimeoutMs: 300 });
    // Kept only when it is ready: a start takes longer than the patience of this policy.
    await supervisor.start(1);
    const { pid } = await rig.seen('connector.ready');
    supervisor.promote(1);
    signalPid(pid, 'SIGSTOP');
    await rig.seen('connector.lost');
    await expect.poll(() => supervisor.attention()[0]?.code, { interval: 5 }).toBe('CONNECTOR_LOST');
    await rig.seen('connector.ready', (data) => data.pid !== pid);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'CONNECTOR_STUCK' } });
    expect(await rig.seen('connector.stopped')).toMatchObject({ pid, signal: 'SIGKILL' });
    expect(supervisor.attention()).toEqual([]);
  });

  test('before it was ever ready is killed and started again', async () => {
    await rig.edge.setDialMode('blackhole');
    const supervisor = rig.supervisor({ firstDiagnosisMs: 50, diagnosisMs: 50, withoutConnectionMs: 1_500 });
    supervisor.promote(1);
    expect((await rig.seen('connector.failed')).error.code).toBe('CONNECTOR_NOT_READY');
    await rig.edge.setDialMode('serve');
    await rig.seen('connector.ready');
  });
});

describe('failures that only a stand-in can be made to show', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.open({ name: 'stand-in', real: undefined });
  });
  afterEach(async () => {
    await rig.close();
  });

  test('too old', async () => {
    await rig.setFaults({ version: '2024.1.0' });
    rig.supervisor().promote(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'BINARY_TOO_OLD' } });
  });

  test('crashes at start: restarted with growing delays, and the reason is quoted', async () => {
    await rig.setFaults({ run: { neverReady: true, crash: { afterMs: 50, exitCode: 3 } } });
    const supervisor = rig.supervisor({ backoffBaseMs: 100 });
    supervisor.promote(1);
    const failed = await rig.seen('connector.failed', (data) => data.retryAt !== null);
    expect(failed).toMatchObject({ state: 'waiting', error: { code: 'CONNECTOR_CRASHED' } });
    expect(failed.error.message).toContain('exit code was 3');
    await rig.setFaults({});
    await rig.seen('connector.ready');
    expect(supervisor.attention()).toEqual([]);
  });

  test('dies of SIGKILL in its youth: a crash, unless the kernel says that memory was short', async () => {
    await rig.setFaults({ run: { neverReady: true, crash: { afterMs: 50, signal: 'SIGKILL' }, firstStarts: 1 } });
    rig.supervisor().promote(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'CONNECTOR_CRASHED' } });
    await rig.seen('connector.ready');
  });

  test('a change that proves one which ends once by chance is not given up, and one which ends again is', async () => {
    await rig.setFaults({ run: { neverReady: true, crash: { afterMs: 50, exitCode: 3 }, firstStarts: 1 } });
    const supervisor = rig.supervisor();
    const never = new AbortController().signal;
    const rules = [{ service: 'http_status:404' }];
    const handle = await supervisor.start(1);
    await supervisor.verify(handle, rules, never);
    await rig.setFaults({ run: { neverReady: true, crash: { afterMs: 50, exitCode: 3 } } });
    const other = await supervisor.start(1);
    await expect(supervisor.verify(other, rules, never)).rejects.toMatchObject({ code: 'CONNECTOR_CRASHED' });
    expect(supervisor.current().map(({ id }) => id)).toEqual([handle.id]);
  });

  test('hangs and is never ready, with the edge up: killed and started again after its time', async () => {
    await rig.setFaults({ run: { hang: true, firstStarts: 1 } });
    rig.supervisor({ firstDiagnosisMs: 100, diagnosisMs: 100, withoutConnectionMs: 400 }).promote(1);
    // Which of the two depends on the resolver of the machine that runs this.
    expect(await rig.seen('connector.stopped')).toMatchObject({ signal: 'SIGKILL' });
    expect((await rig.seen('connector.failed')).error.code).toBe('CONNECTOR_NOT_READY');
    await rig.seen('connector.ready');
  });

  test('a change gives up on one that does not get ready in time', async () => {
    await rig.setFaults({ run: { neverReady: true } });
    const supervisor = rig.supervisor({ readyTimeoutMs: 500, firstDiagnosisMs: 10_000 });
    const handle = await supervisor.start(1);
    await expect(supervisor.verify(handle, [], new AbortController().signal)).rejects.toMatchObject({ code: 'CONNECTOR_NOT_READY' });
    const cancelled = AbortSignal.abort(new Error('the change was cancelled'));
    await expect(supervisor.verify(handle, [], cancelled)).rejects.toThrow('the change was cancelled');
    await supervisor.retire(handle);
  });

  test('lost while the network is up: one beside it takes over, then it ends', async () => {
    await rig.setFaults({ run: { loseReadinessAfterMs: 100, firstStarts: 1 } });
    const supervisor = rig.supervisor({ readyProbeMs: 100, firstDiagnosisMs: 100, diagnosisMs: 100, withoutConnectionMs: 500, idleUnregisteredMs: 200 });
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    await rig.seen('connector.lost');
    await rig.seen('connector.ready', (data) => data.pid !== pid);
    await rig.seen('connector.stopped', (data) => data.pid === pid);
    expect(supervisor.current()).toHaveLength(1);
    // The old one was still there when the new one was ready.
    const order = rig.events.filter((event) => event.type === 'connector.ready' || event.type === 'connector.stopped').map((event) => event.type);
    expect(order).toEqual(['connector.ready', 'connector.ready', 'connector.stopped']);
  });

  test('ignores SIGTERM: its group is killed at the stop timeout', async () => {
    await rig.setFaults({ run: { ignoreSigterm: true } });
    const supervisor = rig.supervisor({ stopTimeoutMs: 400 });
    supervisor.promote(1);
    await rig.seen('connector.ready');
    await supervisor.stopAll();
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'CONNECTOR_STUCK' } });
    expect(await rig.seen('connector.stopped')).toMatchObject({ signal: 'SIGKILL' });
    expect(rig.processes()).toEqual([]);
  });

  test('shows other rules than its file holds: refused', async () => {
    await rig.setFaults({ run: { config: { version: -1, config: { ingress: [{ service: 'http_status:503' }] } } } });
    const supervisor = rig.supervisor();
    const handle = await supervisor.start(1);
    await expect(supervisor.verify(handle, [{ service: 'http_status:404' }], new AbortController().signal)).rejects.toMatchObject({ code: 'CONNECTOR_MISMATCH' });
    await supervisor.retire(handle);
  });

  test('floods its log: memory, disk and the loop stay within bounds', async () => {
    await rig.setFaults({ run: { floodLinesPerSecond: 20_000 } });
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    await rig.seen('connector.ready');
    await rig.until(() => (rig.logLines.some((line) => line.message.includes('faster than can be passed on')) ? true : undefined));
    expect(supervisor.status()).toMatchObject([{ state: 'ready' }]);
    await supervisor.stopAll();
  });
});
