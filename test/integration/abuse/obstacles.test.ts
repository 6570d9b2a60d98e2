import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { basePaths } from '../../../src/host/base-paths.js';
import { putSocket } from '../../fixtures/put-socket.js';
import { createVictim, type Victim } from './daemon-process.js';

/** What may stand where a file of ours should: none of them can be read as one, and some hold whoever tries for ever. */
const OBSTACLES: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a directory that is not empty': (path) => void mkdirSync(join(path, 'x'), { recursive: true }),
  'a socket': putSocket,
  'a link to itself': (path) => symlinkSync(basename(path), path),
  ...(process.geteuid?.() === 0 ? { 'a device': (path: string) => void execFileSync('mknod', [path, 'c', '1', '3']) } : {}),
};

const makeRoom = (path: string): string => {
  rmSync(path, { force: true, recursive: true });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return path;
};

/** Each in the place of each: test/unit/abuse/in-place-of-files.test.ts. Here that a daemon comes through all of them at once. */
test('obstacles in the places of all files of ours are set aside, which is said, and what was published serves', { timeout: 60_000 }, async () => {
  const victim = await createVictim();
  const before = await victim.start();
  await victim.setUp();
  await victim.client.addRule({ hostname: 'kept.example.com', destination: 'http://127.0.0.1:9' });
  await before.kill('SIGTERM');
  const paths = basePaths(victim.baseDir);
  const tunnelId = readdirSync(victim.baseDir).find((name) => /^[0-9a-f-]{36}\.json$/.test(name))?.replace('.json', '') ?? '';
  const last = Number(readdirSync(paths.revisionsDir).filter((name) => /^\d+\.yml$/.test(name)).map((name) => name.replace('.yml', '')).sort((a, b) => Number(b) - Number(a))[0]);
  const said = [
    paths.pathsJson, paths.eventsLog, paths.eventsLog.replace('.jsonl', '.1.jsonl'), paths.tunnelDocument, paths.dnsLedger, paths.copiesDocument,
    paths.currentDocument, paths.revisionJson(last), paths.revisionYml(last), paths.journal('20260101-left'), paths.answersLog, paths.setupAsker, paths.configYml,
    join(victim.stateDir, 'cloudflare_forwarding.json'), join(victim.stateDir, 'cloudflare_tunnel.json'), paths.credentials(tunnelId),
  ];
  const obstacles = Object.values(OBSTACLES);
  for (const [index, path] of said.entries()) obstacles[index % obstacles.length]?.(makeRoom(path));
  const daemon = await victim.start();
  await expect.poll(async () => (await victim.client.status()).connectors.map(({ state }) => state), { timeout: 20_000 }).toEqual(['ready']);
  expect((await victim.client.status()).rules.map(({ hostname }) => hostname)).toEqual(['kept.example.com']);
  // It goes on working with all of them.
  await victim.client.addRule({ hostname: 'new.example.com', destination: 'http://127.0.0.1:9' });
  const told = new Set<string>();
  for await (const { type, data } of victim.client.events({ since: 0 })) {
    if (typeof data === 'object' && 'file' in data) told.add(data.file);
    if (type === 'forwarding.applied') break;
  }
  expect(said.filter((path) => !told.has(path)), daemon.log()).toEqual([]);
  expect(said.filter((path) => existsSync(path) && !lstatSync(path).isFile())).toEqual([]);
  await daemon.kill('SIGTERM');
});

describe('what cannot be set aside is refused at once, with what to do', () => {
  test.each<[string, (victim: Victim) => string, RegExp]>([
    ['the lock', ({ baseDir }) => basePaths(baseDir).lock, /Move it out of the way/],
    ['the socket', ({ socketPath }) => socketPath, /Remove it/],
    ['the journal', ({ baseDir }) => basePaths(baseDir).journalDir, /Move it away/],
    ['the base directory', ({ baseDir }) => baseDir, /Move it away/],
  ])('%s', async (_name, choose, hint) => {
    const victim = await createVictim();
    OBSTACLES['a FIFO']?.(makeRoom(choose(victim)));
    const failure = await victim.start().then(() => undefined, (error: unknown) => String(error));
    expect(failure).toMatch(/STORAGE_/);
    expect(failure).toContain(choose(victim));
    expect(failure).toMatch(hint);
  });
});
