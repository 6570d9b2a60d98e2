import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { createRig, type Rig } from './daemon/rig.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const APP = 'app.example.com';

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

test('who connects another zone is told which rules are not published any more', async () => {
  const rig = await createRig({ accounts: [{ name: 'One', zones: ['example.com', 'other.org'] }] });
  await rig.start();
  await rig.setUp();
  await rig.client.replaceForwarding({ rules: [{ hostname: APP, destination: 'http://127.0.0.1:1' }, { hostname: APP, path: '/api', destination: 'http://127.0.0.1:2' }] });
  const certificate = join(rig.directory, 'other.pem');
  writeFileSync(certificate, rig.certificate('other.org'), { mode: 0o600 });

  const command = start(rig, ['setup', '--cert', certificate]);
  expect(await command.ended, command.said()).toBe(0);
  expect(command.said()).toContain(`${APP}, ${APP}/api are not in other.org: these rules are kept and not published any more, and DNS records of ours that they had are removed. (RULE_OUTSIDE_ZONE)`);
  expect(command.said()).toContain('✓ provide the tunnel: supervisor-');
  expect(command.said()).toContain(', which was there already');
  expect(rig.recordNames()).toEqual([]);
  const list = start(rig, ['forward', 'list']);
  await list.ended;
  expect(list.said().match(/app\.example\.com\S*.*outside-zone/g)).toHaveLength(2);
  expect(list.said().trim().split('\n')).toHaveLength(2);
  const { attention } = await rig.client.status();
  expect(attention.find(({ code }) => code === 'RULE_OUTSIDE_ZONE')?.message).toBe(`${APP} is not in other.org: kept, and not published.`);
  const completed = await rig.waitFor(({ type, data }) => type === 'setup.completed' && 'domain' in data && data.domain === 'other.org', 0);
  expect(completed.data).toMatchObject({ joined: false, setAside: [APP, `${APP}/api`], warnings: [{ code: 'RULE_OUTSIDE_ZONE' }] });
});

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
