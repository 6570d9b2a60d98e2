import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { lacksForImage } from './requirements.js';

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

/**
 * Once a run: the package is put where every user can read it, and a root file system is made from Debian's packages
 * while the tests that do not need it run already. Both are removed after the run.
 */
export default function prepareRun(project: TestProject): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supervisor-run-'));
  project.provide('runDirectory', directory);
  chmodSync(directory, 0o755);
  for (const part of PARTS) cpSync(join(REPOSITORY, part), join(directory, 'package', part), { recursive: true, verbatimSymlinks: true });
  const made = lacksForImage() === undefined && GIVEN === undefined ? makeImage(directory) : undefined;
  return async () => {
    await made?.abandon();
    await rm(directory, { recursive: true, force: true });
  };
}

function makeImage(directory: string): { readonly abandon: () => Promise<void> } {
  const words = [
    '--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, '--dpkgopt=force-unsafe-io',
    // Not looked at by anybody here, and half of the files.
    ...['doc', 'man', 'locale'].map((part) => `--dpkgopt=path-exclude=/usr/share/${part}/*`),
    SUITE, join(directory, 'root'),
  ];
  const child = spawn('mmdebstrap', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
  const ended = once(child, 'exit').then(([code]) => writeFileSync(join(directory, 'made'), code === 0 ? '' : `mmdebstrap ended with ${code}: ${said}`));
  return {
    abandon: async () => {
      if (child.exitCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

const MAKE_TIMEOUT_MS = 300_000;
const POLL_MS = 200;

/** The root file system, as soon as it is there. */
export async function awaitImage(runDirectory: string): Promise<string> {
  if (GIVEN !== undefined) return GIVEN;
  const made = join(runDirectory, 'made');
  const deadline = performance.now() + MAKE_TIMEOUT_MS;
  while (!existsSync(made)) {
    if (performance.now() > deadline) throw new Error('the root file system is not there in time');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const failure = readFileSync(made, 'utf8');
  if (failure !== '') throw new Error(failure);
  return join(runDirectory, 'root');
}
