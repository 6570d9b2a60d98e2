import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createRig, type Rig } from './daemon/rig.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Everything it has said, once that contains this. */
  until(text: string): Promise<string>;
  said(): string;
}

function start({ baseDir, directory }: Rig, words: readonly string[]): Command {
  const child = spawn(process.execPath, [CLI, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(directory, 'state') },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const until = async (text: string): Promise<string> => {
    while (!said.includes(text)) await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), ended.then((code) => Promise.reject(new Error(`it ended with ${String(code)}: ${said}`)))]);
    return said;
  };
  return { child, ended, until, said: () => said };
}

test('who waits for a setup is told that the daemon is gone, and what comes of it', async () => {
  const rig = await createRig();
  const daemon = await rig.start();
  const person = start(rig, ['setup']);
  await person.until('Open this URL');
  const program = start(rig, ['setup', '--json']);
  await program.until('loginUrl');
  daemon.kill('SIGKILL');
  await daemon.ended;
  expect(await person.until('DAEMON_UNREACHABLE')).toContain('warning The daemon does not answer any more');
  await program.until('{"type":"warning","code":"DAEMON_UNREACHABLE"');
  person.child.kill('SIGINT');
  expect(await person.ended).toBe(130);
  expect(person.said()).toContain('nothing goes on now');
  expect(person.said()).not.toContain('The setup goes on in the daemon');

  await rig.start();
  expect(await program.ended, program.said()).not.toBe(0);
  expect(program.said()).toContain('"type":"setup.failed"');
});
