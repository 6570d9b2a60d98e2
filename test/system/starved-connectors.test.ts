import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import type { EventData } from '../../src/core/events.js';
import type { Attention } from '../../src/core/status.js';
import { PROGRAMS, Rig } from '../integration/connector/rig.js';
import { createMemoryGroup, lacksForMemoryGroup } from './machine/memory-group.js';
import { lacksForHost, lacksProgram } from './machine/requirements.js';
import { until } from './machine/until.js';

/** Failures that only a kernel can make: memory, processes and descriptors that are not to be had, a resolver that is silent. */
const hostLack = lacksForHost();
const memoryLack = lacksForMemoryGroup();
const limitLack = lacksForHost() ?? lacksProgram('prlimit') ?? lacksProgram('setpriv');

/** Nobody's, so that nobody else's processes count. */
const USER = 1_505;
const AS_USER = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];
const FIXTURE = 'test/fixtures/connector/supervise.mjs';
/** Nobody listens there but the test. */
const RESOLVER = '127.53.53.53';

interface Supervisor {
  readonly pid: number;
  /** The next event of this type. */
  next<T extends 'connector.started' | 'connector.ready' | 'connector.failed'>(type: T): Promise<EventData[T]>;
  attention(): Promise<readonly Attention[]>;
}

describe.skipIf(hostLack !== undefined)(`connectors that are starved${hostLack === undefined ? '' : ` (${hostLack})`}`, () => {
  beforeAll(() => {
    const fixture = join(inject('runDirectory'), 'package', FIXTURE);
    mkdirSync(dirname(fixture), { recursive: true });
    cpSync(join(import.meta.dirname, '../..', FIXTURE), fixture);
  });

  describe.each(PROGRAMS)('$name', (kind) => {
    let rig: Rig;
    const children: ChildProcess[] = [];
    beforeEach(async () => {
      rig = await Rig.open(kind);
    });
    afterEach(async () => {
      for (const child of children.splice(0)) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      await rig.close();
    });

    const run = (argv: readonly string[]): ChildProcess => {
      const [file = '', ...words] = argv;
      const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    };

    /** `wrapper`: what is put before the command. The supervisor is the process that is started, or its only child. */
    const supervise = (wrapper: readonly string[] = [], edge = rig.options.edge): Supervisor => {
      const told = { baseDir: rig.paths.baseDir, binary: rig.binary, tunnelId: rig.tunnelId, options: { ...rig.options, edge } };
      const child = run([...wrapper, process.execPath, join(inject('runDirectory'), 'package', FIXTURE), JSON.stringify(told)]);
      if (child.stdout === null || child.pid === undefined) throw new Error('the supervisor was not started');
      const { pid } = child;
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async (type: string): Promise<unknown> => {
        for (;;) {
          const line = await lines.next();
          if (line.done === true) throw new Error(`the supervisor ended before ${type}`);
          const event = JSON.parse(line.value) as { type: string; data: unknown };
          if (event.type === type) return event.data;
        }
      };
      return {
        pid,
        next: async (type) => (await next(type)) as never,
        attention: async () => {
          process.kill(pid, 'SIGHUP');
          return (await next('attention')) as readonly Attention[];
        },
      };
    };

    describe.skipIf(memoryLack !== undefined)(`memory${memoryLack === undefined ? '' : ` (${memoryLack})`}`, () => {
      test('that the kernel takes by killing the connector is told from a crash', async () => {
        const group = createMemoryGroup(320 * 1024 * 1024);
        const inGroup = (...argv: readonly string[]): readonly string[] => ['/bin/sh', '-c', 'echo $$ > "$0"; exec "$@"', group.procs, ...argv];
        const supervisor = supervise(inGroup());
        const { pid } = await supervisor.next('connector.ready');
        // Whom the kernel takes first is not to be a matter of luck.
        writeFileSync(`/proc/${String(pid)}/oom_score_adj`, '1000');
        run(inGroup(process.execPath, '-e', `const all = []; setInterval(() => { if (require('fs').existsSync('/proc/${String(pid)}/exe')) all.push(Buffer.alloc(4e6, 1)); else process.exit(); }, 2)`));
        expect(await supervisor.next('connector.failed')).toMatchObject({ error: { code: 'MEMORY_EXHAUSTED' } });
        await supervisor.next('connector.ready');
        onTestFinished(async () => await until(() => group.close(), () => true));
      });
    });

    describe.skipIf(limitLack !== undefined)(`limits${limitLack === undefined ? '' : ` (${limitLack})`}`, () => {
      const limit = (pid: number, what: string): void => {
        // By its own user: root of a container may not.
        const { status, stderr } = spawnSync('setpriv', [...AS_USER, 'prlimit', '--pid', String(pid), what], { encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
      };

      test.each([
        ['processes', 'PROCESS_LIMIT', '--nproc=1:', '--nproc=4096:'],
        ['descriptors', 'DESCRIPTORS_EXHAUSTED', '--nofile=3:', '--nofile=1024:'],
      ])('%s: said as what it is, and healed when there are some again', async (_what, code, none, some) => {
        giveAway(dirname(rig.paths.baseDir));
        const supervisor = supervise(['setpriv', ...AS_USER]);
        const { pid } = await supervisor.next('connector.ready');
        limit(supervisor.pid, none);
        process.kill(Number(pid), 'SIGKILL');
        expect(await supervisor.next('connector.failed')).toMatchObject({ error: { code } });
        limit(supervisor.pid, some);
        await supervisor.next('connector.ready');
      });
    });

    describe('a place for the log', () => {
      const onTmpfs = (options: string): readonly string[] => ['unshare', '--mount', '/bin/sh', '-c', `mount -t tmpfs -o ${options} tmpfs "$0"; exec "$@"`, rig.paths.logDir];

      test.each([
        ['STORAGE_READONLY', () => onTmpfs('ro')],
        ['DISK_FULL', () => onTmpfs('nr_inodes=1')],
        ['STORAGE_FORBIDDEN', () => {
          giveAway(dirname(rig.paths.baseDir));
          chownSync(rig.paths.logDir, 0, 0);
          return ['setpriv', ...AS_USER];
        }],
        ['STORAGE_FAILED', () => {
          rmdirSync(rig.paths.logDir);
          writeFileSync(rig.paths.logDir, '');
          return [];
        }],
      ])('that cannot be had is said as %s', async (code, prepare) => {
        expect(await supervise(prepare()).next('connector.failed')).toMatchObject({ error: { code } });
      });
    });

    describe('a resolver', () => {
      const withResolver = (): readonly string[] => {
        const file = join(dirname(rig.paths.baseDir), 'resolv.conf');
        writeFileSync(file, `nameserver ${RESOLVER}\n`);
        return ['unshare', '--mount', '/bin/sh', '-c', 'mount --bind "$0" /etc/resolv.conf; exec "$@"', file];
      };
      const swallowPackets = async (): Promise<void> => {
        const socket = createSocket('udp4');
        socket.bind(53, RESOLVER);
        await once(socket, 'listening');
        onTestFinished(() => void socket.close());
      };

      test('that swallows every question is named while a start waits for it', async () => {
        await swallowPackets();
        // The stand-in asks nobody; one that has not said a word looks the same.
        await rig.setFaults({ run: { hang: true } });
        const supervisor = supervise(withResolver());
        await supervisor.next('connector.started');
        await until(async () => await supervisor.attention(), ([first]) => first?.code === 'RESOLVER_DEAD');
      });

      test.runIf(kind.real !== undefined)('that refuses every question is named when cloudflared gives up for it', async () => {
        const supervisor = supervise(withResolver(), []);
        expect(await supervisor.next('connector.failed')).toMatchObject({ state: 'waiting', error: { code: 'RESOLVER_DEAD' } });
      });

      test.runIf(kind.real === undefined)('is not blamed for a crash, though it refuses every question', async () => {
        await rig.setFaults({ run: { neverReady: true, crash: { afterMs: 50, exitCode: 1 } } });
        const supervisor = supervise(withResolver());
        expect(await supervisor.next('connector.failed')).toMatchObject({ error: { code: 'CONNECTOR_CRASHED' } });
      });
    });
  });
});

/** All of a directory, to a user who could not read it. */
function giveAway(directory: string): void {
  chmodSync(directory, 0o755);
  for (const name of ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]) chownSync(join(directory, name), USER, USER);
}
