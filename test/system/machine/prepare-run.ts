import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { until } from './until.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** What all tests of this run share: the package as it is installed, and a root file system. */
    readonly runDirectory: string;
  }
}

const REPOSITORY = join(import.meta.dirname, '../../..');
/** What the package consists of where it is installed. */
const PARTS = ['dist', 'init-scripts', 'node_modules', 'package.json'];

/** One for systemd and OpenRC alike: each is PID 1, or not, as the test wants. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'sudo', 'openrc', 'procps'];
const SUITE = 'bookworm';

/** A root file system that is there already, for whoever works on these tests. */
const GIVEN = process.env['SYSTEM_TEST_IMAGE'];

const POLL_MS = 100;

/**
 * Once a run: the package is put where every user can read it, and a root file system is made from Debian's packages as
 * soon as a test wants it. Both are removed after the run.
 */
export default function prepareRun(project: TestProject): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supervisor-run-'));
  project.provide('runDirectory', directory);
  chmodSync(directory, 0o755);
  for (const part of PARTS) cpSync(join(REPOSITORY, part), join(directory, 'package', part), { recursive: true, verbatimSymlinks: true });
  let image: Image | undefined;
  const looking = setInterval(() => {
    if (!existsSync(join(directory, 'wanted'))) return;
    clearInterval(looking);
    image = makeImage(directory);
  }, POLL_MS);
  return async () => {
    clearInterval(looking);
    await image?.abandon();
    await rm(directory, { recursive: true, force: true });
  };
}

interface Image {
  /** Resolves when nothing is made any more. */
  abandon(): Promise<void>;
}

/** In namespaces of its own, which end with our end of the pipe: what mmdebstrap mounts is never seen from outside, and never left. */
function makeImage(directory: string): Image {
  const words = [
    '--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, '--dpkgopt=force-unsafe-io',
    // Not looked at by anybody here, and half of the files.
    ...['doc', 'man', 'locale'].map((part) => `--dpkgopt=path-exclude=/usr/share/${part}/*`),
    SUITE, join(directory, 'root'),
  ];
  const child = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/sh', '-c', WHILE_WANTED, 'sh', ...words], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
  const ended = once(child, 'exit').then(([code]) => writeFileSync(join(directory, 'made'), code === 0 ? '' : `mmdebstrap ended with ${code}: ${said}`));
  return {
    abandon: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** As PID 1, whose end is the end of all of it: when mmdebstrap has ended, or when nobody wants it any more. */
const WHILE_WANTED = 'exec 3<&0; mmdebstrap "$@" </dev/null & made=$!; (cat <&3 >/dev/null; kill -KILL $made) & wait $made';

const MAKE_TIMEOUT_MS = 300_000;

/** The root file system, as soon as it is there. */
export async function awaitImage(runDirectory: string): Promise<string> {
  if (GIVEN !== undefined) return GIVEN;
  writeFileSync(join(runDirectory, 'wanted'), '');
  const made = join(runDirectory, 'made');
  const failure = await until(() => readFileSync(made, 'utf8'), () => true, MAKE_TIMEOUT_MS);
  if (failure !== '') throw new Error(failure);
  return join(runDirectory, 'root');
}
