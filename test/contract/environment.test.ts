import { describe, expect, test, type TestContext } from 'vitest';

import { toTunnelToken } from '../../src/sandbox/world/tunnels.js';
import { Connector, createTunnel, credentialsOf, type ConnectorOptions } from './connector.js';
import { describeContract } from './programs.js';
import { runToEnd } from './run-to-end.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();

describeContract('where values come from', (program) => {
  const start = (context: TestContext, options?: ConnectorOptions): Connector => new Connector(program, sandbox(), context, options);
  /** The tunnel that it says it starts. */
  const startedTunnel = async (connector: Connector): Promise<unknown> => (await connector.untilLogged('Starting tunnel') as { readonly tunnelID?: unknown }).tunnelID;

  describe.concurrent('which tunnel', () => {
    test('TUNNEL_TOKEN beats the argument, the credentials and the configuration', async (context) => {
      const other = createTunnel(sandbox());
      expect(await startedTunnel(start(context, { env: { TUNNEL_TOKEN: toTunnelToken(other) } }))).toBe(other.id);
    });

    test('TUNNEL_TOKEN_FILE beats the configuration', async (context) => {
      const other = createTunnel(sandbox());
      const file = new Scratch(context).write('token', `${toTunnelToken(other)}\n`);
      const connector = start(context, { args: [], env: { TUNNEL_TOKEN_FILE: file } });
      expect(await startedTunnel(connector)).toBe(other.id);
    });

    test('a token on the command line beats the one of the environment', async (context) => {
      const [given, inherited] = [createTunnel(sandbox()), createTunnel(sandbox())];
      expect(await startedTunnel(start(context, { runFlags: ['--token', toTunnelToken(given)], args: [], env: { TUNNEL_TOKEN: toTunnelToken(inherited) } }))).toBe(given.id);
    });

    test('the argument beats the configuration', async (context) => {
      const tunnel = createTunnel(sandbox());
      const connector = start(context, { tunnel, config: JSON.stringify({ tunnel: createTunnel(sandbox()).id }), args: [tunnel.id] });
      expect(await startedTunnel(connector)).toBe(tunnel.id);
      await connector.untilConnected();
    });

    test('TUNNEL_CRED_CONTENTS beats a credentials file that is given', async (context) => {
      const tunnel = createTunnel(sandbox());
      const connector = start(context, { tunnel, env: { TUNNEL_CRED_CONTENTS: credentialsOf({ ...tunnel, secret: Buffer.alloc(32) }) } });
      await connector.untilLogged('Register tunnel error from server side');
    });

    test('credentials lie beside the certificate, or in the home', async (context) => {
      const tunnel = createTunnel(sandbox());
      const scratch = new Scratch(context);
      scratch.write(`certs/${tunnel.id}.json`, credentialsOf(tunnel));
      const beside = start(context, { tunnel, runFlags: [], flags: ['--origincert', scratch.write('certs/cert.pem', 'x')] });
      scratch.write(`home/.cloudflared/${tunnel.id}.json`, credentialsOf(tunnel));
      const atHome = start(context, { tunnel, runFlags: [], env: { HOME: scratch.home } });
      await Promise.all([beside.untilConnected(), atHome.untilConnected()]);
    });
  });

  describe.concurrent('a flag', () => {
    const oneConnection = 'You requested 20 HA connections but I can give you at most';

    test('beats the configuration', async (context) => {
      const connector = start(context, { config: { 'ha-connections': 20, loglevel: 'debug' }, flags: ['--ha-connections', '1'] });
      await connector.untilConnected();
      expect(connector.logged(oneConnection)).toEqual([]);
      expect(connector.log.some(({ level }) => level === 'debug')).toBe(true);
    });

    test('beats the environment, which beats the configuration', async (context) => {
      const config = { loglevel: 'error' };
      const byEnvironment = start(context, { config, env: { TUNNEL_LOGLEVEL: 'debug' } });
      await byEnvironment.untilConnected();
      expect(byEnvironment.log.some(({ level }) => level === 'debug')).toBe(true);
      const byFlag = start(context, { config, env: { TUNNEL_LOGLEVEL: 'debug' }, flags: ['--loglevel', 'info'] });
      await byFlag.untilConnected();
      expect(byFlag.log.filter(({ level }) => level === 'debug').map(({ message }) => message?.split(' ')[0])).toEqual([]);
    });

    test('the configuration may name the edge, the metrics address and the credentials', async (context) => {
      const tunnel = createTunnel(sandbox());
      const credentials = new Scratch(context).write('c.json', credentialsOf(tunnel));
      const config = { edge: Array.from({ length: 8 }, () => sandbox().edge.addresses[0]), 'credentials-file': credentials, 'grace-period': '1s' };
      const connector = start(context, { tunnel, config, edges: [], runFlags: [] });
      await connector.untilConnected();
    });
  });

  describe.concurrent('a configuration that is not named', () => {
    const rules = (code: number): string => `ingress:\n  - service: http_status:${code}\n`;
    const validate = (scratch: Scratch, env: Readonly<Record<string, string>> = {}): ReturnType<typeof runToEnd> =>
      runToEnd(program, ['tunnel', 'ingress', 'validate'], scratch.environment(env));

    test('is looked for in the home, in three directories, config.yml before config.yaml', async (context) => {
      const scratch = new Scratch(context);
      const directories = ['cloudflare-warp', '.cloudflare-warp', '.cloudflared'];
      for (const directory of directories) {
        for (const name of ['config.yaml', 'config.yml']) {
          const path = scratch.write(`home/${directory}/${name}`, rules(404));
          expect((await validate(scratch)).stdout).toBe(`Validating rules from ${path}\nOK\n`);
        }
      }
    });

    test('breaks every command when it is broken', async (context) => {
      const scratch = new Scratch(context);
      scratch.write('home/.cloudflared/config.yml', 'a: [\n');
      for (const args of [['tunnel', 'login'], ['tunnel', 'route', 'dns', 'a', 'b.example.com'], ['tunnel', 'run', 'x']]) {
        const ending = await runToEnd(program, args, scratch.environment());
        expect(ending.code).toBe(1);
        expect(ending.stderr).toContain('error parsing YAML in config file at');
      }
    });

    test('need not be there: without one the rules are none', async (context) => {
      expect(await validate(new Scratch(context))).toMatchObject({ code: 1, stdout: '' });
    });

    test('is not looked for where one is named', async (context) => {
      const scratch = new Scratch(context);
      scratch.write('home/.cloudflared/config.yml', 'a: [\n');
      const config = scratch.write('good.yml', rules(404));
      expect(await runToEnd(program, ['tunnel', '--config', config, 'ingress', 'validate'], scratch.environment())).toMatchObject({ code: 0 });
    });
  });
});
