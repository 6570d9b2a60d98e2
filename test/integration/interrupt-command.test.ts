import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tempDirectory } from '../fixtures/temp-directory.js';
import { createRig } from './daemon/rig.js';

const pty = await import('node-pty').catch(() => undefined);

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** What stays in no buffer on the way: whoever has taken it reads. */
const TOO_MUCH = ' '.repeat(4_000_000);

function start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): { readonly child: ChildProcessWithoutNullStreams; readonly said: () => string; readonly ended: Promise<number | null> } {
  const directory = tempDirectory();
  const child = spawn(process.execPath, [CLI, ...words], {
    env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: join(directory, 'base'), CLOUDFLARED_SUPERVISOR_STATE_DIR: join(directory, 'state'), ...environment },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, said: () => said, ended: once(child, 'close').then(([code]) => code as number | null) };
}

/** Takes connections, and says nothing to anybody. */
async function startSilentServer(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, url: `http://127.0.0.1:${String(address.port)}/client/v4` };
}

describe('a signal ends', () => {
  test.each([
    [['forward', 'set', '-']],
    [['forward', 'set', '/dev/stdin', '--json']],
    [['setup', '--cert', '-']],
  ])('%s while it reads standard input', async (words) => {
    const { child, said, ended } = start(words);
    await new Promise<void>((resolve, reject) => child.stdin.write(TOO_MUCH, (error) => (error ? reject(error) : resolve())));
    child.kill('SIGINT');
    expect(await ended, said()).toBe(130);
    expect(said()).toContain('INTERRUPTED');
  });

  test.each([[['doctor']], [['doctor', '--json']]])('%s while the API does not answer', async (words) => {
    const { server, url } = await startSilentServer();
    const { child, said, ended } = start(words, { CLOUDFLARED_SUPERVISOR_API_URL: url });
    await once(server, 'connection');
    const interruptedAt = performance.now();
    child.kill('SIGINT');
    expect(await ended, said()).toBe(130);
    expect(said()).toContain('INTERRUPTED');
    // The API is waited for 10 s, an edge that swallows packets 3 s, and a resolver 2 s.
    expect(performance.now() - interruptedAt).toBeLessThan(1_900);
  });
});

describe.skipIf(pty === undefined)('the question of `disconnect`, on a terminal', () => {
  test.each([
    { keys: '\u{3}', as: 'Ctrl-C' },
    { keys: '\u{4}', as: 'Ctrl-D' },
    { keys: 'no\r', as: 'no' },
  ])('answered by $as changes nothing, and ends as interrupted', async ({ keys }) => {
    const rig = await createRig();
    await rig.start();
    await rig.setUp();
    let said = '';
    const terminal = pty?.spawn(process.execPath, [CLI, 'disconnect'], { cols: 200, env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(rig.directory, 'state') } });
    const ended = new Promise<number>((resolve) => terminal?.onExit(({ exitCode }) => resolve(exitCode)));
    const asked = new Promise<void>((resolve) => terminal?.onData((text) => {
      said += text;
      if (said.includes('Type yes:')) resolve();
    }));
    await asked;
    terminal?.write(keys);
    expect(await ended, said).toBe(130);
    expect(said).toMatch(/\n[^\n]*Nothing was changed \(INTERRUPTED\)\r?\n.*--yes/);
    expect((await rig.client.status()).tunnel).not.toBeNull();
  });
});
