import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { firstDifference } from '../../src/core/ingress.js';
import { renderConfig } from '../../src/forwarding/render.js';
import { resolveRules } from '../../src/forwarding/resolve.js';
import { validateRules } from '../../src/forwarding/validate.js';
import { tempDirectory } from '../fixtures/temp-directory.js';

/** What we render, in the eyes of the real program: skipped where none is given. */

const BINARY = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
const TUNNEL_ID = '11111111-2222-3333-4444-555555555555';
const FOLDER = join(import.meta.dirname, 'forwarding');

const RULES = [
  { hostname: 'app.example.com', path: '/v1.0/(a|b)*"\'é', destination: 'http://127.0.0.1:3000', originRequest: { connectTimeout: '1m30s', tlsTimeout: '1.5s', tcpKeepAlive: '100us', keepAliveTimeout: '.5h', noHappyEyeballs: true, keepAliveConnections: 5, httpHostHeader: 'no', originServerName: 'o.example', matchSNItoHost: true, disableChunkedEncoding: true, http2Origin: true } },
  { hostname: '*.example.com', destination: 'https://[::1]:8443' },
  { hostname: 'bücher.example.com', destination: 'https://Origin.Internal', originRequest: { noTLSVerify: false, access: { required: true, teamName: 'team', audTag: ['a', 'b'] } } },
  { hostname: 'proxy.example.com', destination: 'tcp://localhost:1', originRequest: { proxyAddress: '127.0.0.2', proxyPort: 9050, proxyType: 'socks', ipRules: [{ prefix: '10.0.0.0/8', ports: [443, 80], allow: true }, { prefix: '::/0', allow: false }] } },
  { hostname: 'jump.example.com', destination: 'ssh://localhost', originRequest: { bastionMode: true } },
  ...['http://h', 'ws://h:77', 'wss://h', 'tcp://h:5', 'ssh://h', 'ssh://[::1]', 'rdp://h', 'smb://h', 'unix:/tmp/x: y.sock', 'unix+tls:/tmp/#x.sock', 'http_status:100', 'http_status:999', 'hello_world'].map((destination, index) => ({ hostname: `s${index}.example.com`, destination })),
];

describe.skipIf(BINARY === undefined)('the real cloudflared', () => {
  const run = (home: string, args: readonly string[]) => execa(BINARY ?? '', args, { env: { HOME: home }, extendEnv: false, reject: false });

  test.each(readdirSync(FOLDER).map((name) => [name]))('takes what is rendered for %s', async (name) => {
    const expected = readFileSync(join(FOLDER, name), 'utf8').split('\n----------\n')[1] ?? '';
    if (expected.startsWith('FORWARDING_INVALID')) return;
    const directory = tempDirectory();
    const file = join(directory, 'config.yml');
    await writeFile(file, expected);
    const { stdout, stderr } = await run(directory, ['tunnel', '--config', file, 'ingress', 'validate']);
    expect(`${stdout}${stderr}`).toMatch(/OK$/);
  });

  test('shows the rules that it was given', async () => {
    const validated = await validateRules(RULES, { zone: 'example.com', outsideZone: 'refuse' });
    const resolved = await resolveRules(validated, { resolve: async () => new Map() }, { recorded: [], now: '' });
    const directory = tempDirectory();
    const credentialsFile = join(directory, 'credentials.json');
    const { yaml, ingress } = await renderConfig(resolved, { tunnelId: TUNNEL_ID, credentialsFile });
    const config = join(directory, 'run.yml');
    await writeFile(config, yaml);
    await writeFile(credentialsFile, JSON.stringify({ AccountTag: 'a', TunnelSecret: Buffer.alloc(32).toString('base64'), TunnelID: TUNNEL_ID, Endpoint: '' }));

    const edges = [1, 2, 3, 4, 5].flatMap((port) => ['--edge', `127.0.0.1:${port}`]);
    const child = run(directory, ['tunnel', '--config', config, '--no-autoupdate', '--metrics', '127.0.0.1:0', '--protocol', 'http2', '--no-prechecks', ...edges, 'run']);
    try {
      const address = await metricsAddress(child.stderr);
      const answer = (await (await fetch(`http://${address}/config`)).json()) as { readonly config: { readonly ingress: unknown } };
      expect(firstDifference(ingress, answer.config.ingress)).toBeUndefined();
      expect(firstDifference(ingress.toReversed(), answer.config.ingress)).toMatch(/ingress rule 0/);
    } finally {
      child.kill('SIGKILL');
      await child;
    }
  }, 60_000);
});

/** The log goes on being read: cloudflared dies when nobody does. */
function metricsAddress(log: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const seen: string[] = [];
    createInterface({ input: log })
      .on('line', (line) => {
        seen.push(line);
        const address = /metrics server on (127\.0\.0\.1:\d+)\/metrics/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
      })
      .on('close', () => reject(new Error(`cloudflared ended: ${seen.join('\n')}`)));
  });
}
