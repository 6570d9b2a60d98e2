import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { MAX_DOWNLOAD_BYTES } from '../../../src/releases/download.js';
import { installBinary, type InstallContext, type InstallRequest } from '../../../src/releases/install.js';
import { createInstalling, type Installing } from '../../fixtures/releases/installing.js';
import { ASSET, brokenOff, cutOff, elfProgram, programSaying, redirectTo, sha256, startReleaseServer, status, type ReleaseServer } from '../../fixtures/releases/release-server.js';

const VERSION = '2026.8.2';

/** A cloudflared in its place already: whatever goes wrong, it stays. */
function putOld(installing: Installing): string {
  const old = programSaying('2026.1.0');
  mkdirSync(installing.paths.binDir, { recursive: true, mode: 0o700 });
  writeFileSync(installing.paths.binary, old, { mode: 0o700 });
  return old;
}

const contents = (installing: Installing): readonly string[] => (existsSync(installing.paths.binDir) ? readdirSync(installing.paths.binDir).sort() : []);

/** It fails with this code, and all is as it was. */
async function expectRefused(request: InstallRequest, installing: Installing, code: string): Promise<SupervisorError> {
  const old = putOld(installing);
  const failure = await installBinary({ to: 'user', version: VERSION, ...request }, installing).then(() => undefined, (error: unknown) => error);
  expect(failure).toBeInstanceOf(SupervisorError);
  expect(failure).toMatchObject({ code });
  expect(contents(installing)).toEqual(['cloudflared']);
  expect(readFileSync(installing.paths.binary, 'utf8')).toBe(old);
  return failure as SupervisorError;
}

async function publishing(program: Buffer | string = programSaying(VERSION)): Promise<ReleaseServer> {
  const server = await startReleaseServer();
  server.publish(VERSION, program);
  return server;
}

describe('installing', () => {
  test('the newest, verified, into the base directory', async () => {
    const server = await publishing();
    const progress: number[] = [];
    const installing = createInstalling({ onProgress: ({ receivedBytes }) => progress.push(receivedBytes) });
    const report = await installBinary({ mirror: server.url }, installing);
    expect(report).toEqual({
      outcome: 'installed', path: installing.paths.binary, version: VERSION, previousVersion: null, sha256: sha256(programSaying(VERSION)),
      source: `${server.url.href}/${VERSION}/${ASSET}`, checksumFrom: `${server.url.href}/${VERSION}/SHA256SUMS`, warnings: [],
    });
    expect(contents(installing)).toEqual(['cloudflared']);
    expect(statSync(installing.paths.binary).mode & 0o777).toBe(0o700);
    expect(statSync(installing.paths.baseDir).mode & 0o777).toBe(0o700);
    expect(progress.at(-1)).toBe(Buffer.byteLength(programSaying(VERSION)));
  });

  test('nothing where one is found that will do; another version all the same', async () => {
    const server = await publishing();
    const installing = createInstalling();
    const onPath = join(installing.directory, 'path', 'cloudflared');
    mkdirSync(join(installing.directory, 'path'));
    writeFileSync(onPath, programSaying('2026.5.1'), { mode: 0o755 });
    expect(await installBinary({ mirror: server.url }, installing)).toMatchObject({ outcome: 'found', path: onPath, version: '2026.5.1' });
    expect(await installBinary({ mirror: server.url, version: '2026.5.1' }, installing)).toMatchObject({ outcome: 'found' });
    expect(server.asked).toEqual([]);
    expect(await installBinary({ mirror: server.url, version: VERSION }, installing)).toMatchObject({ outcome: 'installed', version: VERSION });
    // Ours goes before the one on PATH.
    expect(await installBinary({ mirror: server.url }, installing)).toMatchObject({ outcome: 'found', path: installing.paths.binary });
  });

  test('instead of one that does not run, or is too old', async () => {
    const server = await publishing();
    for (const broken of ['#!/bin/sh\nexit 3\n', programSaying('2024.1.0')]) {
      const installing = createInstalling();
      mkdirSync(join(installing.directory, 'path'));
      writeFileSync(join(installing.directory, 'path', 'cloudflared'), broken, { mode: 0o755 });
      expect(await installBinary({ mirror: server.url }, installing)).toMatchObject({ outcome: 'installed', path: installing.paths.binary });
    }
  });

  test('nothing beside one that was named and does not run: it would not be used', async () => {
    const server = await publishing();
    const installing = createInstalling();
    const named = { ...installing, search: { ...installing.search, given: join(installing.directory, 'nowhere') } };
    await expect(installBinary({ mirror: server.url }, named)).rejects.toMatchObject({ code: 'BINARY_MISSING' });
    expect(await installBinary({ mirror: server.url, to: 'user' }, named)).toMatchObject({ outcome: 'installed' });
  });

  test('says that another one goes before it', async () => {
    const server = await publishing();
    const installing = createInstalling();
    const given = join(installing.directory, 'mine');
    writeFileSync(given, programSaying('2026.5.1'), { mode: 0o755 });
    const named: InstallContext = { ...installing, search: { ...installing.search, given } };
    expect(await installBinary({ mirror: server.url, to: 'user' }, named)).toMatchObject({ warnings: [{ code: 'BINARY_SHADOWED', message: expect.stringContaining(given) as string }] });
  });

  test('as a plan asks, and changes nothing', async () => {
    const server = await publishing();
    const installing = createInstalling();
    expect(await installBinary({ mirror: server.url, dryRun: true }, installing)).toMatchObject({ outcome: 'planned', version: VERSION, previousVersion: null, sha256: sha256(programSaying(VERSION)) });
    expect(existsSync(installing.paths.baseDir)).toBe(false);
    expect(server.asked).toEqual(['/mirror/latest', `/mirror/${VERSION}/SHA256SUMS`]);
  });

  test('a file that was named, with or without its sum', async () => {
    const installing = createInstalling();
    const file = join(installing.directory, 'a file');
    writeFileSync(file, programSaying('2026.7.7'));
    const from = pathToFileURL(file);
    expect(await installBinary({ from }, installing)).toMatchObject({ outcome: 'installed', version: '2026.7.7', source: file, checksumFrom: null });
    expect(await installBinary({ from, sha256: sha256(programSaying('2026.7.7')) }, installing)).toMatchObject({ previousVersion: '2026.7.7', checksumFrom: '--sha256' });
    await expect(installBinary({ from, sha256: 'f'.repeat(64) }, installing)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    await expect(installBinary({ from, version: VERSION }, installing)).rejects.toMatchObject({ code: 'RELEASE_MISMATCH' });
    await expect(installBinary({ from: pathToFileURL(installing.directory) }, installing)).rejects.toMatchObject({ code: 'DOWNLOAD_NOT_PROGRAM' });
    await expect(installBinary({ from: pathToFileURL(join(installing.directory, 'nowhere')) }, installing)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(contents(installing)).toEqual(['cloudflared']);
  });

  test('a URL that was named, if somebody says what it should be', async () => {
    const server = await startReleaseServer();
    const program = programSaying('2026.7.7');
    server.replies.set('/files/my%20cloudflared', program);
    const from = new URL('/files/my%20cloudflared', server.url);
    const installing = createInstalling();
    const failure = await installBinary({ from }, installing).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CHECKSUM_MISSING', message: expect.stringContaining(sha256(program)) as string });
    expect(await installBinary({ from, sha256: sha256(program) }, installing)).toMatchObject({ version: '2026.7.7', checksumFrom: '--sha256' });
    server.replies.set('/files/SHA256SUMS', `${sha256(program)}  my cloudflared\n`);
    expect(await installBinary({ from }, installing)).toMatchObject({ checksumFrom: expect.stringContaining('SHA256SUMS') as string });
    server.replies.set('/files/my%20cloudflared.sha256', `${'e'.repeat(64)}\n`);
    await expect(installBinary({ from }, installing)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });

  test('follows a mirror that leads elsewhere, and keeps its query', async () => {
    const server = await publishing();
    server.replies.set(`/mirror/${VERSION}/${ASSET}?key=1`, redirectTo('/elsewhere'));
    server.replies.set('/elsewhere', programSaying(VERSION));
    const mirror = new URL(server.url);
    mirror.search = '?key=1';
    expect(await installBinary({ mirror }, createInstalling())).toMatchObject({ outcome: 'installed' });
    expect(server.asked).toEqual(['/mirror/latest?key=1', `/mirror/${VERSION}/SHA256SUMS?key=1`, `/mirror/${VERSION}/${ASSET}?key=1`, '/elsewhere']);
  });

  test('tries again what the network lost', async () => {
    const server = await publishing();
    const troubles = [cutOff(programSaying(VERSION)), status(503)];
    server.replies.set(`/mirror/${VERSION}/${ASSET}`, (request, response) => {
      const trouble = troubles.shift();
      if (typeof trouble === 'function') trouble(request, response);
      else response.end(programSaying(VERSION));
    });
    expect(await installBinary({ mirror: server.url }, createInstalling())).toMatchObject({ outcome: 'installed', sha256: sha256(programSaying(VERSION)) });
    expect(troubles).toEqual([]);
  });

  test('sweeps what a killed process left, and not what a living one writes', async () => {
    const server = await publishing();
    const installing = createInstalling();
    putOld(installing);
    const left = join(installing.paths.binDir, 'cloudflared.4194999.0badcafe');
    const living = join(installing.paths.binDir, `cloudflared.${process.ppid}.0badcafe`);
    for (const file of [left, living]) writeFileSync(file, '');
    await installBinary({ mirror: server.url, version: VERSION }, installing);
    expect([existsSync(left), existsSync(living)]).toEqual([false, true]);
  });

  test('stops when nobody waits for it, and leaves nothing', async () => {
    const server = await publishing();
    const stop = new AbortController();
    server.replies.set(`/mirror/${VERSION}/${ASSET}`, (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 }).write(programSaying(VERSION));
    });
    const installing = createInstalling({ signal: stop.signal, onProgress: () => stop.abort(new SupervisorError('INTERRUPTED', 'Interrupted')) });
    await expect(installBinary({ mirror: server.url }, installing)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(contents(installing)).toEqual([]);
  });
});

describe('what was there stays where', () => {
  /** Published is one thing, and another comes. */
  const instead = (program: Buffer | string, reply: Parameters<ReleaseServer['replies']['set']>[1]) => ({ program, reply });
  const web = '<!DOCTYPE html><title>Please log in</title>';

  test.each([
    ['the sum is another one', instead(programSaying(VERSION), programSaying(VERSION, 'echo evil >&2\n')), 'CHECKSUM_MISMATCH'],
    ['a web page comes', instead(programSaying(VERSION), web), 'DOWNLOAD_NOT_PROGRAM'],
    ['a web page is what was published', instead(web, web), 'DOWNLOAD_NOT_PROGRAM'],
    ['it is no program', instead('data', 'data'), 'DOWNLOAD_NOT_PROGRAM'],
    ['it is for another CPU', instead(elfProgram({ machine: 22 }), elfProgram({ machine: 22 })), 'BINARY_WRONG_CPU'],
    ['it is for another system', instead('MZ program', 'MZ program'), 'BINARY_WRONG_CPU'],
    ['it is cut off', instead(programSaying(VERSION), cutOff(programSaying(VERSION))), 'DOWNLOAD_INCOMPLETE'],
    ['it breaks off without having said how much comes', instead(elfProgram({ neededBytes: 9_000 }), brokenOff(elfProgram({ neededBytes: 9_000, bytes: 4_000 }))), 'DOWNLOAD_INCOMPLETE'],
    ['a cache holds half of it', instead(elfProgram({ neededBytes: 9_000 }), elfProgram({ neededBytes: 9_000, bytes: 4_000 })), 'DOWNLOAD_INCOMPLETE'],
    ['it is empty', instead('', ''), 'DOWNLOAD_INCOMPLETE'],
    ['it says that it is larger than any', instead('', (_request, response) => { response.writeHead(200, { 'content-length': MAX_DOWNLOAD_BYTES + 1 }).write('#'); }), 'DOWNLOAD_TOO_LARGE'],
    ['it is another version', instead(programSaying('2026.8.1'), programSaying('2026.8.1')), 'RELEASE_MISMATCH'],
    ['it does not run', instead('#!/bin/sh\nexit 3\n', '#!/bin/sh\nexit 3\n'), 'BINARY_UNUSABLE'],
    ['it crashes', instead('#!/bin/sh\nkill -SEGV $$\n', '#!/bin/sh\nkill -SEGV $$\n'), 'BINARY_UNUSABLE'],
    ['it is something else', instead('#!/bin/sh\necho hello\n', '#!/bin/sh\necho hello\n'), 'BINARY_UNUSABLE'],
    ['its interpreter is not there', instead('#!/nowhere/sh\n', '#!/nowhere/sh\n'), 'BINARY_UNUSABLE'],
    ['it is refused', instead('', status(403, web)), 'RELEASE_REFUSED'],
    ['it is not there', instead('', status(404, web)), 'RELEASE_UNKNOWN'],
    ['it leads round in a circle', instead('', redirectTo(`/mirror/${VERSION}/${ASSET}`)), 'RELEASE_UNEXPECTED'],
    ['it leads to no web server', instead('', redirectTo('ftp://127.0.0.1/')), 'RELEASE_UNEXPECTED'],
    ['the server is always out of order', instead('', status(500)), 'RELEASE_UNREACHABLE'],
  ])('%s', async (_name, { program, reply }, code) => {
    const server = await publishing(program);
    server.replies.set(`/mirror/${VERSION}/${ASSET}`, reply);
    const failure = await expectRefused({ mirror: server.url }, createInstalling(), code);
    expect(failure.hint).not.toBe('');
  });

  test('it goes on for ever', async () => {
    const server = await publishing();
    const block = Buffer.alloc(1024 * 1024, '#!');
    server.replies.set(`/mirror/${VERSION}/${ASSET}`, (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(block));
      };
      response.on('drain', more);
      more();
    });
    await expectRefused({ mirror: server.url }, createInstalling(), 'DOWNLOAD_TOO_LARGE');
  });

  test.each([
    ['has another list of sums', web, 'CHECKSUM_MISSING'],
    ['has no list of sums', status(404), 'RELEASE_UNKNOWN'],
    ['has a list without this file', `${'0'.repeat(64)}  cloudflared-other\n`, 'CHECKSUM_MISSING'],
  ])('the mirror %s', async (_name, reply, code) => {
    const server = await publishing();
    server.replies.set(`/mirror/${VERSION}/SHA256SUMS`, reply);
    await expectRefused({ mirror: server.url }, createInstalling(), code);
  });

  test.each([
    ['a web page', web, 'RELEASE_UNEXPECTED'],
    ['nothing', status(404), 'RELEASE_UNKNOWN'],
  ])('the mirror says %s is the newest', async (_name, reply, code) => {
    const server = await publishing();
    server.replies.set('/mirror/latest', reply);
    const installing = createInstalling();
    await expect(installBinary({ mirror: server.url }, installing)).rejects.toMatchObject({ code });
    expect(contents(installing)).toEqual([]);
  });

  test('the newest of a mirror is too old: it is not downloaded', async () => {
    const server = await startReleaseServer();
    server.publish('2024.1.0', programSaying('2024.1.0'));
    await expect(installBinary({ mirror: server.url }, createInstalling())).rejects.toMatchObject({ code: 'BINARY_TOO_OLD' });
    expect(server.asked.filter((path) => path.endsWith(ASSET))).toEqual([]);
  });

  test('nobody answers', async () => {
    await expectRefused({ mirror: new URL('http://127.0.0.1:1/') }, createInstalling(), 'RELEASE_UNREACHABLE');
    await expectRefused({ mirror: new URL('http://mirror.invalid/') }, createInstalling(), 'RELEASE_UNREACHABLE');
  });
});
