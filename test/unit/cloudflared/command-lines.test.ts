import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRunCommand, routeDnsCommand, runCommand, validateCommand } from '../../../src/cloudflared/command-lines.js';
import type { ConnectorOptions } from '../../../src/cloudflared/command-lines.js';

const plain: ConnectorOptions = { edge: [], edgeCa: undefined, protocol: undefined, connections: undefined, gracePeriodMs: undefined, logLevel: 'info' };
const run = (options: Partial<ConnectorOptions> = {}, knowsNoPrechecks = true): readonly string[] => runCommand({
  binary: '/bin/cloudflared', config: '/b/revisions/7.yml', originCert: '/b/cert.pem', metricsPort: 4711, credentials: '/b/id.json', tunnelId: 'id', options: { ...plain, ...options }, knowsNoPrechecks,
});

describe('command lines', () => {
  test('run, as short as it gets', () => {
    expect(run()).toEqual([
      '/bin/cloudflared', 'tunnel', '--config', '/b/revisions/7.yml', '--origincert', '/b/cert.pem', '--no-autoupdate', '--metrics', '127.0.0.1:4711',
      '--output', 'json', '--loglevel', 'info', 'run', '--credentials-file', '/b/id.json', 'id',
    ]);
  });

  test('run, with all that can be set; everything stands before the subcommand', () => {
    const argv = run({ edge: ['127.0.0.1:1', '127.0.0.1:2'], edgeCa: '/ca.pem', protocol: 'http2', connections: 2, gracePeriodMs: 90_000, logLevel: 'warn' });
    expect(argv.slice(argv.indexOf('--loglevel'), argv.indexOf('run'))).toEqual([
      '--loglevel', 'warn', '--edge', '127.0.0.1:1', '--edge', '127.0.0.1:2', '--protocol', 'http2', '--cacert', '/ca.pem', '--ha-connections', '2', '--grace-period', '90s', '--no-prechecks',
    ]);
    expect(run({ gracePeriodMs: 1_500 })).toContain('1500ms');
  });

  test('a flag that an old version does not know is not given: it would show its help and exit with 0', () => {
    expect(run({ edge: ['127.0.0.1:1'] }, false)).not.toContain('--no-prechecks');
    expect(run({}, true)).not.toContain('--no-prechecks');
  });

  test('the others', () => {
    expect(validateCommand('/c', '/f.yml')).toEqual(['/c', 'tunnel', '--config', '/f.yml', 'ingress', 'validate']);
    expect(routeDnsCommand({ binary: '/c', noConfig: '/n.yml', originCert: '/cert', apiUrl: 'http://api/client/v4', tunnelId: 'id', hostname: 'app.example.com', overwrite: true }))
      .toEqual(['/c', 'tunnel', '--config', '/n.yml', '--origincert', '/cert', '--output', 'json', '--loglevel', 'info', '--api-url', 'http://api/client/v4', 'route', 'dns', '--overwrite-dns', 'id', 'app.example.com']);
  });

  test('a running connector is read back from its arguments, whatever program runs it', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 65_535 }), fc.array(fc.constantFrom('node', '/main.js', '--stand-in=/x')), (revision, metricsPort, before) => {
      const argv = [...before, ...runCommand({ binary: '/c', config: `/b/revisions/${revision}.yml`, originCert: '/b/cert.pem', metricsPort, credentials: '/b/id.json', tunnelId: 'id', options: plain, knowsNoPrechecks: true })];
      expect(parseRunCommand(argv, '/b/revisions')).toEqual({ revision, metricsPort });
    }));
  });

  test.each<[string, readonly string[]]>([
    ['another base directory', run().map((argument) => argument.replace('/b/revisions', '/other/revisions'))],
    ['a directory whose name begins alike', run().map((argument) => argument.replace('/b/revisions', '/b/revisions-old'))],
    ['a validation', validateCommand('/c', '/b/revisions/7.yml')],
    ['an editor on the file', ['vi', '/b/revisions/7.yml']],
    ['no metrics', run().filter((argument) => !argument.startsWith('127.'))],
    ['a file that is no revision', run().map((argument) => argument.replace('7.yml', '7.yml.bak'))],
  ])('not taken for one of ours: %s', (_, argv) => {
    expect(parseRunCommand(argv, '/b/revisions')).toBeUndefined();
  });
});
