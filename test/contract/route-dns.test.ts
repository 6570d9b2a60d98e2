import { expect, test, type TestContext } from 'vitest';

import type { Tunnel } from '../../src/sandbox/world/tunnels.js';
import { toOriginCert } from '../../src/sandbox/world/api-tokens.js';
import { createTunnel, credentialsOf } from './connector.js';
import { describeContract } from './programs.js';
import { runToEnd, type Ending } from './run-to-end.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
let names = 0;
const freshName = (): string => {
  names += 1;
  return `route${names}.example.com`;
};

describeContract('tunnel route dns', (program) => {
  interface Call {
    readonly flags?: readonly string[];
    readonly routeFlags?: readonly string[];
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly apiUrl?: string;
  }

  function prepare(context: TestContext): { readonly scratch: Scratch; readonly route: (call: Call) => Promise<Ending> } {
    const scratch = new Scratch(context);
    const zone = sandbox().world.zones.find();
    if (zone === undefined) throw new Error('The sandbox has no zone.');
    const cert = scratch.write('cert.pem', toOriginCert(sandbox().world.tokens.issue(zone)));
    const config = scratch.write('empty.yml', '{}\n');
    const route = ({ flags = [], routeFlags = [], args, env = {}, apiUrl = sandbox().apiUrl }: Call): Promise<Ending> =>
      runToEnd(program, ['tunnel', '--config', config, '--origincert', cert, '--api-url', apiUrl, ...flags, 'route', 'dns', ...routeFlags, ...args], scratch.environment(env));
    return { scratch, route };
  }
  const targetOf = (hostname: string): string | undefined => sandbox().world.records.named(hostname)[0]?.content;

  test('makes the record, and says so on standard error alone', async (context) => {
    const { route } = prepare(context);
    const [tunnel, hostname] = [createTunnel(sandbox()), freshName()];
    const ending = await route({ args: [tunnel.id, hostname] });
    expect(ending).toMatchObject({ code: 0, stdout: '' });
    expect(ending.stderr).toMatch(new RegExp(`^\\S+Z INF Added CNAME ${hostname} which will route to this tunnel tunnelID=${tunnel.id}\\n$`, 'u'));
    expect(targetOf(hostname)).toBe(`${tunnel.id}.cfargotunnel.com`);
    expect((await route({ args: [tunnel.id, hostname] })).stderr).toContain(`${hostname} is already configured to route to your tunnel`);
  });

  test('TUNNEL_API_URL serves as well', async (context) => {
    const { route } = prepare(context);
    const hostname = freshName();
    const ending = await route({ args: [createTunnel(sandbox()).id, hostname], apiUrl: '', flags: [], env: { TUNNEL_API_URL: sandbox().apiUrl } });
    // An empty flag is a flag all the same.
    expect(ending.code).toBe(1);
    const scratch = new Scratch(context);
    const zone = sandbox().world.zones.find();
    if (zone === undefined) throw new Error('The sandbox has no zone.');
    const cert = scratch.write('cert.pem', toOriginCert(sandbox().world.tokens.issue(zone)));
    const args = ['tunnel', '--config', scratch.write('c.yml', '{}\n'), '--origincert', cert, 'route', 'dns', createTunnel(sandbox()).id, hostname];
    expect((await runToEnd(program, args, scratch.environment({ TUNNEL_API_URL: sandbox().apiUrl }))).code).toBe(0);
  });

  test('a name outside the zone gets the zone appended, with code 0', async (context) => {
    const { route } = prepare(context);
    const tunnel = createTunnel(sandbox());
    const label = freshName().split('.')[0] ?? '';
    const ending = await route({ args: [tunnel.id, `${label}.other.org`] });
    expect(ending.code).toBe(0);
    expect(ending.stderr).toContain(`Added CNAME ${label}.other.org.example.com which will route to this tunnel`);
    expect(targetOf(`${label}.other.org.example.com`)).toBe(`${tunnel.id}.cfargotunnel.com`);
  });

  test('a record that is there is a conflict, save with --overwrite-dns', async (context) => {
    const { route } = prepare(context);
    const [tunnel, hostname] = [createTunnel(sandbox()), freshName()];
    const zone = sandbox().world.zones.find();
    if (zone === undefined) throw new Error('The sandbox has no zone.');
    sandbox().world.records.create(zone, { type: 'A', name: hostname, content: '192.0.2.1' });
    const ending = await route({ args: [tunnel.id, hostname] });
    expect(ending).toMatchObject({ code: 1, stdout: '' });
    expect(ending.stderr).toContain('Failed to add route: code: 1003, ');
    expect(ending.stderr).toContain('An A, AAAA, or CNAME record with that host already exists.');
    expect((await route({ routeFlags: ['--overwrite-dns'], args: [tunnel.id, hostname] })).code).toBe(0);
    expect(targetOf(hostname)).toBe(`${tunnel.id}.cfargotunnel.com`);
  });

  test('a tunnel may be named', async (context) => {
    const { route } = prepare(context);
    const [tunnel, hostname] = [createTunnel(sandbox()), freshName()];
    expect((await route({ args: [tunnel.name, hostname] })).code).toBe(0);
    expect(targetOf(hostname)).toBe(`${tunnel.id}.cfargotunnel.com`);
    const missing = await route({ args: ['no-such-tunnel', freshName()] });
    expect(missing).toMatchObject({ code: 1, stderr: 'no-such-tunnel is neither the ID nor the name of any of your tunnels\n' });
  });

  test('TUNNEL_CRED_FILE overrides the name, but not the id', async (context) => {
    const { scratch, route } = prepare(context);
    const [named, other]: [Tunnel, Tunnel] = [createTunnel(sandbox()), createTunnel(sandbox())];
    const env = { TUNNEL_CRED_FILE: scratch.write('other.json', credentialsOf(other)) };
    const [byName, byId] = [freshName(), freshName()];
    expect((await route({ args: [named.name, byName], env })).code).toBe(0);
    expect(targetOf(byName)).toBe(`${other.id}.cfargotunnel.com`);
    expect((await route({ args: [named.id, byId], env })).code).toBe(0);
    expect(targetOf(byId)).toBe(`${named.id}.cfargotunnel.com`);
  });

  test.for<[what: string, hostname: string]>([['blanks', 'a b.example.com'], ['an empty label', 'a..example.com'], ['a label of 64', `${'a'.repeat(64)}.example.com`], ['a leading dash', '-a.example.com']])('a name with %s is refused', async ([, hostname], context) => {
    const ending = await prepare(context).route({ routeFlags: ['--'], args: [createTunnel(sandbox()).id, hostname] });
    expect(ending).toMatchObject({ code: 1, stderr: `${hostname} is not a valid hostname\n` });
  });

  test('a wildcard and an underscore are names', async (context) => {
    const { route } = prepare(context);
    const tunnel = createTunnel(sandbox());
    for (const hostname of [`*.${freshName()}`, `_x.${freshName()}`]) expect((await route({ args: [tunnel.id, hostname] })).code).toBe(0);
  });

  test.for<[status: number, message: RegExp]>([
    [401, /Failed to add route: code: \d+, reason: /u], [403, /Failed to add route: code: \d+, reason: /u], [500, /Failed to add route: |API call to add route failed with status 500: Internal Server Error/u],
  ])('%i from the API: code 1, not tried again', async ([status, message], context) => {
    const tunnel = createTunnel(sandbox());
    const path = `zones/*/tunnels/${tunnel.id}/routes`;
    sandbox().faults.api.add({ path, fault: { kind: 'status', status } });
    const ending = await prepare(context).route({ args: [tunnel.id, freshName()] });
    expect(ending.code).toBe(1);
    expect(ending.stderr).toMatch(message);
    expect(sandbox().requests.list({ method: 'PUT' }).filter((request) => request.path.includes(tunnel.id))).toHaveLength(1);
  });

  test('an API that is away: code 1', async (context) => {
    const ending = await prepare(context).route({ args: [createTunnel(sandbox()).id, freshName()], apiUrl: 'http://127.0.0.1:1/client/v4' });
    expect(ending.code).toBe(1);
    expect(ending.stderr).toMatch(/^REST request failed: Put "http:\/\/127\.0\.0\.1:1\/client\/v4\/zones\/[^"]+": dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/u);
  });

  test.for<[what: string, cert: string, message: string]>([
    ['no certificate', '/nonexistent.pem', 'Error locating origin cert: cannot find a valid certificate at the path /nonexistent.pem'],
    ['a certificate that is none', '/dev/null', 'Error decoding origin cert: cannot decode empty certificate'],
  ])('%s: code 1', async ([, cert, message], context) => {
    const ending = await prepare(context).route({ flags: ['--origincert', cert], args: [createTunnel(sandbox()).id, freshName()] });
    expect(ending.code).toBe(1);
    expect(ending.stderr.trimEnd().split('\n').at(-1)).toBe(message);
  });
});
