import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupervisorClient } from '../../../src/api/client.js';
import { startOrigin, wholeBody, type Origin } from '../../../src/measure/origin.js';
import { Load } from '../../../src/measure/load.js';
import { Visitors, type Answer } from '../../../src/measure/visitor.js';
import { startSandbox, type Sandbox } from '../../../src/sandbox/sandbox.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';
import { until } from './until.js';
import { CLI, NODE, SHARED, startMachine, type Machine, type MachineOptions, type MachineProcess, type Outcome, type RunOptions } from './machine.js';

const ZONE = 'example.com';
export const HOSTNAME = 'app.example.com';

/** The real cloudflared where the environment names one, else the stand-in. */
const GIVEN = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
const REAL = GIVEN === undefined || GIVEN === '' ? undefined : GIVEN;

const STAND_IN = `#!/bin/sh\nexec ${NODE} /opt/cloudflared-supervisor/dist/sandbox/stand-in/main.js "--stand-in=$0" "$@"\n`;

/** An offline Cloudflare and a service on the loopback of this machine, which all machines of the test share. */
export interface World {
  readonly sandbox: Sandbox;
  readonly visitors: Visitors;
  readonly origin: Origin;
  /** Points a supervisor inside a machine at the sandbox. */
  readonly environment: Readonly<Record<string, string>>;
  /** Puts an origin certificate of the zone where machines see it: `cert.pem` among what is shared. */
  bringCertificate(): Promise<void>;
  start(options: Omit<MachineOptions, 'shared'>): Promise<Site>;
  close(): Promise<void>;
}

/** A machine and the supervisor of one user in it. */
export interface Site {
  readonly machine: Machine;
  /** Of our command line, as this user, in the environment of a service that knows the sandbox. */
  cli(user: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** The last JSON line that the command printed; rejects where it failed. */
  json(user: string, args: readonly string[], options?: RunOptions): Promise<Record<string, unknown>>;
  client(user?: string): SupervisorClient;
  /** Connects the domain with a certificate brought by hand, and publishes the service. */
  publish(user: string, names?: { readonly hostname?: string; readonly name?: string }): Promise<void>;
  /** Resolves when one connector is left, and serves: those before it answered by older rules as long as they were there. */
  settle(user?: string): Promise<void>;
  daemon(): MachineProcess;
  connectors(): readonly MachineProcess[];
  close(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const shared = mkdtempSync(join(tmpdir(), 'supervisor-system-'));
  const sandbox = await startSandbox(REAL === undefined ? {} : { cloudflared: REAL });
  const visitors = new Visitors(sandbox.visitorsUrl);
  const origin = await startOrigin('one');
  copyFileSync(sandbox.caFile, join(shared, 'ca.pem'));
  if (REAL === undefined) writeFileSync(join(shared, 'cloudflared'), STAND_IN);
  else copyFileSync(REAL, join(shared, 'cloudflared'));
  chmodSync(join(shared, 'cloudflared'), 0o755);
  chmodSync(shared, 0o755);
  const environment = {
    ...sandbox.environment(),
    CLOUDFLARED_SUPERVISOR_CLOUDFLARED: `${SHARED}/cloudflared`,
    CLOUDFLARED_SUPERVISOR_EDGE_CA: `${SHARED}/ca.pem`,
    SSL_CERT_FILE: `${SHARED}/ca.pem`,
  };
  const sites: Site[] = [];
  const bringCertificate = async (): Promise<void> => {
    const zone = sandbox.world.zones.find(ZONE);
    if (zone === undefined) throw new Error(`the sandbox has no zone ${ZONE}`);
    await writeFile(join(shared, 'cert.pem'), toOriginCert(sandbox.world.tokens.issue(zone)));
  };
  return {
    sandbox, visitors, origin, environment, bringCertificate,
    start: async (options) => {
      const machine = await startMachine({ ...options, shared });
      const site = createSite(machine, { visitors, origin, environment, bringCertificate });
      sites.push(site);
      return site;
    },
    close: async () => {
      for (const site of sites) await site.close();
      visitors.close();
      await origin.close();
      await sandbox.close();
      rmSync(shared, { recursive: true });
    },
  };
}

function createSite(machine: Machine, world: Pick<World, 'visitors' | 'origin' | 'environment' | 'bringCertificate'>): Site {
  const cli: Site['cli'] = async (user, args, options = {}) =>
    await machine.run([NODE, CLI, ...args], { ...(user === 'root' ? {} : { user }), ...options, env: { ...world.environment, ...options.env } });
  const json: Site['json'] = async (user, args, options) => {
    const { code, signal, stdout, stderr } = await cli(user, [...args, '--json'], options);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${signal ?? code}: ${stdout}${stderr}`);
    return (last === '' ? {} : JSON.parse(last)) as Record<string, unknown>;
  };
  const client: Site['client'] = (user = 'svc') => createClient({ socketPath: join(machine.root, homeOf(user), '.cloudflared/supervisor/control.sock') });
  return {
    machine, cli, json, client,
    settle: async (user) => void (await until(async () => (await client(user).status()).connectors, (connectors) => connectors.length === 1 && connectors[0]?.state === 'ready')),
    publish: async (user, { hostname = HOSTNAME, name } = {}) => {
      await world.bringCertificate();
      await json(user, ['setup', '--cert', `${SHARED}/cert.pem`, ...(name === undefined ? [] : ['--name', name])]);
      await json(user, ['forward', 'add', hostname, world.origin.url]);
      await world.visitors.until(hostname, isServed, 5_000);
    },
    daemon: () => {
      const found = machine.processes(({ argv }) => argv[1] === CLI && argv[2] === 'run');
      // A child that is just being started still looks like its parent.
      const [daemon, ...others] = found.filter(({ ppid }) => !found.some(({ pid }) => pid === ppid));
      if (daemon === undefined || others.length > 0) throw new Error(`there are ${daemon === undefined ? 'no' : 'several'} daemons`);
      return daemon;
    },
    // The shell of the stand-in has the same arguments, and ends where the program begins.
    connectors: () => machine.processes(({ argv }) => argv.includes('--config') && argv.includes('run') && argv[0] !== '/bin/sh'),
    close: () => machine.close(),
  };
}

export const homeOf = (user: string): string => (user === 'root' ? '/root' : `/home/${user}`);

export const isServed = (answer: Answer): boolean => answer.kind === 'answered' && answer.status === 200 && answer.body === wholeBody('one');

/** A steady load on the published name; what is lost of it is told by its report. */
export const startLoad = (world: Pick<World, 'visitors'>, perSecond = 50): Load => new Load(world.visitors, { hostname: HOSTNAME, perSecond, origins: ['one'] });
