import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test, type TestContext } from 'vitest';

import { Connector, type ConnectorOptions } from './connector.js';
import { describeContract } from './programs.js';
import { runToEnd, whenEnded } from './run-to-end.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u;
const TUNNEL = '11111111-2222-4333-8444-555555555555';

describeContract('log', (program) => {
  const start = (context: TestContext, options?: ConnectorOptions): Connector => new Connector(program, sandbox(), context, options);

  test('with --output json each line is an object with level, message and time', async (context) => {
    const connector = start(context);
    await connector.untilConnected();
    const line = await connector.untilLogged('Registered tunnel connection');
    expect(line).toEqual({
      level: 'info', message: 'Registered tunnel connection', time: expect.stringMatching(TIME) as string, connIndex: 0, connection: sandbox().edge.connections(connector.tunnel.id)[0]?.id,
      event: 0, ip: '127.0.0.1', location: 'LAX', protocol: 'http2',
    });
    expect(connector.log[0]).toMatchObject({ level: 'info', message: 'Starting tunnel', tunnelID: connector.tunnel.id });
    expect(connector.logged('Generated Connector ID: ')).toHaveLength(1);
  });

  test('the last words of a failure are plain text', async (context) => {
    const connector = start(context, { runFlags: ['--credentials-file', '/nonexistent'] });
    await connector.ended;
    expect(connector.text.trimEnd().split('\n').at(-1)).toBe("Tunnel credentials file '/nonexistent' doesn't exist or is not a file");
  });

  test('for people: time, level, message, fields; the error first', async (context) => {
    const connector = start(context, { flags: ['--output', 'default'], edges: ['127.0.0.1:1'] });
    await context.expect.poll(() => connector.text).toMatch(/^\S+Z ERR Unable to establish connection with Cloudflare edge error="[^"]+" connIndex=0 event=0 ip=127\.0\.0\.1$/mu);
    expect(connector.text).toMatch(new RegExp(`^\\S+Z INF Starting tunnel tunnelID=${connector.tunnel.id}$`, 'mu'));
  });

  test('a level hides what is below it, and one that is none is said to be', async (context) => {
    const warn = start(context, { flags: ['--loglevel', 'warn'], config: {} });
    await warn.untilLogged('No ingress rules were defined');
    expect(warn.log.filter(({ level }) => level === 'info')).toEqual([]);
    const odd = start(context, { flags: ['--loglevel', 'loud'] });
    await odd.untilLogged('Failed to parse log level "loud", using "info" instead');
    await odd.untilLogged('Starting tunnel');
  });

  test('--logfile gets the lines as JSON besides, appended, whatever the output is', async (context) => {
    const path = join(new Scratch(context).directory, 'deep', 'log');
    for (const count of [1, 2]) {
      const connector = start(context, { flags: ['--logfile', path, '--output', 'default'] });
      await context.expect.poll(() => connector.text).toContain('Registered tunnel connection');
      connector.child.kill('SIGKILL');
      await connector.ended;
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { readonly message: string });
      expect(lines.filter(({ message }) => message === 'Starting tunnel')).toHaveLength(count);
    }
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  /** Starts it with its standard error led elsewhere; it would try an edge for ever, and log each time. */
  function startWith(context: TestContext, stderr: number | 'pipe'): ReturnType<typeof spawn> {
    const scratch = new Scratch(context);
    const config = scratch.write('c.yml', 'ingress:\n  - service: http_status:404\n');
    const credentials = scratch.write('c.json', JSON.stringify({ AccountTag: 'a', TunnelSecret: 'AAAA', TunnelID: TUNNEL }));
    const args = ['tunnel', '--config', config, '--metrics', '127.0.0.1:0', '--protocol', 'http2', '--no-autoupdate', '--no-prechecks', '--edge', '127.0.0.1:1', '--edge', '127.0.0.1:1', 'run', '--credentials-file', credentials, TUNNEL];
    const child = spawn(program.path, args, { env: scratch.environment(), stdio: ['ignore', 'ignore', stderr] });
    context.onTestFinished(async () => {
      const ended = whenEnded(child);
      if (child.kill('SIGKILL')) await ended;
    });
    return child;
  }

  test('with a pipe that nobody reads any more, it dies at its next line', async (context) => {
    const child = startWith(context, 'pipe');
    const ended = whenEnded(child);
    await once(child.stderr ?? child, 'data');
    child.stderr?.destroy();
    expect(await ended).toEqual({ code: null, signal: 'SIGPIPE' });
  });

  test('with a file it lives, and appends', async (context) => {
    const path = new Scratch(context).write('connector.log', 'before\n');
    const descriptor = openSync(path, 'a');
    startWith(context, descriptor);
    closeSync(descriptor);
    await context.expect.poll(() => readFileSync(path, 'utf8')).toMatch(/^before\n[^]*Retrying connection in up to 4s/u);
  });

  test('an existing file of the configuration is said to be loaded at level debug only', async (context) => {
    const scratch = new Scratch(context);
    const config = scratch.write('c.yml', 'ingress:\n  - service: http_status:404\n');
    const run = async (level: string): Promise<string> => (await runToEnd(program, ['tunnel', '--config', config, '--loglevel', level, 'ingress', 'validate'], scratch.environment())).stderr;
    expect(await run('debug')).toContain(`DBG Loading configuration from ${config}`);
    expect(await run('info')).toBe('');
    expect(existsSync(config)).toBe(true);
  });
});
