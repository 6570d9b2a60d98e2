import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listProcesses, type ProcessEntry } from '../../src/host/process-table.js';
import { signalPid } from '../fixtures/signal-pid.js';
import { tempDirectory } from '../fixtures/temp-directory.js';

const programOf = (folder: string): string => fileURLToPath(new URL(`../../dist/${folder}/main.js`, import.meta.url));

interface Told {
  readonly child: ChildProcess;
  /** Resolves when this was told. */
  until(words: string): Promise<void>;
  readonly ended: Promise<number | null>;
  text(): string;
}

/** The demo as the leader of a group of its own, as a terminal has it, with a directory for all that it makes. */
function startDemo(directory: string): Told {
  const child = spawn(process.execPath, [programOf('demo')], { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/bin:/bin', TMPDIR: directory } });
  let text = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (some: string) => {
      text += some;
      for (const look of watchers) look();
    });
  }
  onTestFinished(() => {
    for (const { pid } of leftIn(directory)) process.kill(pid, 'SIGKILL');
  });
  return {
    child,
    until: (words) => new Promise((resolve) => {
      const look = (): void => {
        if (text.includes(words)) resolve();
      };
      watchers.add(look);
      look();
    }),
    ended: once(child, 'exit').then(([code]) => code as number | null),
    text: () => text,
  };
}

/** Who was started with this directory in their words or their environment. */
const leftIn = (directory: string): readonly ProcessEntry[] => listProcesses(({ pid, argv }) => argv.some((word) => word.includes(directory)) || readEnvironment(pid).includes(directory));

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/environ`, 'latin1');
  } catch {
    return ''; // Gone, or somebody else's.
  }
}

describe('the demo, interrupted, leaves nothing', () => {
  test.each([
    { when: 'a login is waited for', words: 'Login URL', signal: 'SIGINT', to: 'itself', code: 130 },
    { when: 'the sandbox starts', words: '', signal: 'SIGTERM', to: 'itself', code: 143 },
    { when: 'it is under load', words: 'Move app.example.com', signal: 'SIGINT', to: 'its group', code: 130 },
    { when: 'it is under load', words: 'Move app.example.com', signal: 'SIGHUP', to: 'itself', code: 129 },
  ] as const)('by $signal to $to, while $when', async ({ words, signal, to, code }) => {
    const directory = tempDirectory();
    const demo = startDemo(directory);
    // It listens for signals once it has begun to make something.
    if (words === '') await expect.poll(() => readdirSync(directory)).not.toEqual([]);
    else await demo.until(words);
    const { pid = 0 } = demo.child;
    if (to === 'itself') signalPid(pid, signal);
    else process.kill(-pid, signal);
    // npm passes on what the terminal sends to the group anyway.
    if (signal === 'SIGINT') signalPid(pid, signal);
    expect(await demo.ended, demo.text()).toBe(code);
    expect(leftIn(directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('also where its terminal has gone', async () => {
    const directory = tempDirectory();
    const demo = startDemo(directory);
    await demo.until('Login URL');
    demo.child.stdout?.destroy();
    demo.child.stderr?.destroy();
    signalPid(demo.child.pid, 'SIGHUP');
    expect(await demo.ended).toBe(129);
    expect(leftIn(directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('what was typed wrong', () => {
  test.each(['demo', 'bench'])('%s says so in one line', async (folder) => {
    const child = spawn(process.execPath, [programOf(folder), '--bogus'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (some: string) => (stderr += some));
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(stderr).toMatch(/^[^\n]*'--bogus'[^\n]*\n[^\n]*npm run \w+ --[^\n]*\n$/);
  });

  test('the benchmark names what it can measure', async () => {
    const child = spawn(process.execPath, [programOf('bench'), '--only', 'nonsense'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (some: string) => (stderr += some));
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(stderr).toMatch(/^--only must name one of memory, [^\n]+\n/);
  });
});
