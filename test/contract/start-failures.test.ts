import { createServer } from 'node:net';
import { once } from 'node:events';

import { describe, expect, test, type TestContext } from 'vitest';

import { Connector, type ConnectorOptions } from './connector.js';
import { describeContract } from './programs.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
const RULES = { ingress: [{ service: 'http_status:404' }] };

describeContract('a start that cannot be', (program) => {
  const start = (context: TestContext, options: ConnectorOptions): Connector => new Connector(program, sandbox(), context, options);

  describe.concurrent('ends with code 1, and the reason as its last line', () => {
    test.for<[what: string, options: ConnectorOptions, reason: RegExp]>([
      ['no such configuration', { flags: ['--config', '/nonexistent.yml'] }, /^open \/nonexistent\.yml: no such file or directory$/u],
      ['broken YAML', { config: 'a: [\n' }, /^error parsing YAML in config file at .*config\.yml: yaml: /u],
      ['no catch-all', { config: { ingress: [{ hostname: 'a.com', service: 'http://a' }] } }, /^The last ingress rule must match all URLs/u],
      ['a service with a path', { config: { ingress: [{ service: 'http://a/' }] } }, /^http:\/\/a\/ is an invalid address, ingress rules don't support proxying to a different path/u],
      ['a bad pattern', { config: { ingress: [{ path: '(', service: 'http://a' }, { service: 'http_status:404' }] } }, /^Rule #1 has an invalid regex: /u],
      ['no such credentials', { runFlags: ['--credentials-file', '/nonexistent.json'] }, /^Tunnel credentials file '\/nonexistent\.json' doesn't exist or is not a file$/u],
      ['no credentials to be found', { runFlags: [] }, /^tunnel credentials file not found$/u],
      ['credentials that are no JSON', { runFlags: ['--credentials-file', '/dev/null'] }, /^Invalid JSON when parsing tunnel credentials file$/u],
      ['an unknown protocol', { flags: ['--protocol', 'http3'] }, /^unknown protocol http3, Available protocols: /u],
      ['a grace period above three minutes', { flags: ['--grace-period', '4m'] }, /^grace-period must be equal or less than 3m0s$/u],
      ['no such CA for the edge', { flags: ['--cacert', '/nonexistent.pem'] }, /^unable to create TLS config to connect with edge: .*open \/nonexistent\.pem: no such file or directory$/u],
      ['no such CA pool', { config: { ingress: [{ service: 'https://a', originRequest: { caPool: '/nonexistent.pem' } }] } }, /unable to read the file \/nonexistent\.pem/u],
      ['a metrics address that is none', { metrics: 'nonsense' }, /^Error opening metrics server listener: .*missing port in address$/u],
    ])('%s', async ([, options, reason], context) => {
      const connector = start(context, { config: RULES, ...options });
      expect(await connector.ended).toEqual({ code: 1, signal: null });
      expect(connector.text.trimEnd().split('\n').at(-1)).toMatch(reason);
      expect(connector.atEdge).toBe(0);
    });

    test('a metrics port that is taken', async (context) => {
      const other = createServer().listen(0, '127.0.0.1');
      context.onTestFinished(() => void other.close());
      await once(other, 'listening');
      const address = other.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const connector = start(context, { metrics: `127.0.0.1:${port}` });
      expect(await connector.ended).toEqual({ code: 1, signal: null });
      expect(connector.text.trimEnd().split('\n').at(-1)).toBe(
        `Error opening metrics server listener: failed to bind to address (127.0.0.1:${port}): listen tcp 127.0.0.1:${port}: bind: address already in use`,
      );
    });
  });

  test('no tunnel is named: code 255', async (context) => {
    const connector = start(context, { config: JSON.stringify(RULES), args: [] });
    expect(await connector.ended).toEqual({ code: 255, signal: null });
    expect(connector.text).toContain('requires the ID or name of the tunnel to run');
  });

  test('an unknown flag: help, and code 0', async (context) => {
    const connector = start(context, { flags: ['--bogus'] });
    expect(await connector.ended).toEqual({ code: 0, signal: null });
  });

  describe.concurrent('is not:', () => {
    test('unknown keys at every level', async (context) => {
      const connector = start(context, { config: { zort: 1, ingress: [{ service: 'http_status:404', zort: 1, originRequest: { zort: 1 } }] } });
      await connector.untilConnected();
    });

    test('no rules at all: 503 for everybody', async (context) => {
      const connector = start(context, { config: {} });
      await connector.untilConnected();
      expect(connector.logged('No ingress rules were defined')).toHaveLength(1);
      expect(JSON.parse((await connector.get('/config')).body)).toMatchObject({ config: { ingress: [{ service: 'http_status:503' }] } });
    });

    test('a name instead of an id, where the credentials know the tunnel', async (context) => {
      const connector = start(context, { args: ['any-name'] });
      await connector.untilConnected();
    });

    test('the tunnel of the configuration', async (context) => {
      const connector = start(context, { args: [] });
      await connector.untilConnected();
    });
  });
});
