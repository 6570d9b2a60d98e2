import { constants } from 'node:os';

import { findOnPath } from './find-on-path.js';
import { startSandbox, type Sandbox } from './sandbox.js';

export interface SandboxCommandOptions {
  /** `example.com` unless given. */
  readonly zones?: readonly string[];
  readonly account?: string;
  readonly json?: boolean;
  /** Ports on loopback, any free one unless given: of the API, the control API and the pages; of the visitors' front. */
  readonly port?: number;
  readonly visitorsPort?: number;
  /** The real cloudflared. Unless given: the one of the environment, else the one on PATH, else the stand-in. */
  readonly cloudflared?: string;
  /** The stand-in, though there is a real cloudflared. */
  readonly standIn?: boolean;
  /** A program and its arguments, run in the sandbox's environment with `SANDBOX_CONTROL` and `SANDBOX_VISITORS`; the sandbox ends with it, with its exit code. */
  readonly exec?: readonly string[];
}

export interface CommandStreams {
  readonly stdout: { write(text: string): unknown };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by the signals that end us. */
  readonly signal: AbortSignal;
}

/** As shells say that a signal ended a program. */
const SIGNAL_EXIT_BASE = 128;
const INTERRUPTED = 130;

/** `cloudflared-supervisor sandbox`: starts one, says where it is, runs until SIGINT or SIGTERM. Resolves with the exit code. */
export async function runSandbox(options: SandboxCommandOptions, streams: CommandStreams = processStreams()): Promise<number> {
  const binary = await chooseBinary(options, streams.environment);
  const sandbox = await startSandbox({
    accounts: [{ name: options.account ?? 'Sandbox', zones: options.zones ?? ['example.com'] }],
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.visitorsPort === undefined ? {} : { visitorsPort: options.visitorsPort }),
    ...(binary.kind === 'stand-in' ? {} : { cloudflared: binary.path }),
  });
  try {
    if (options.exec !== undefined) return await runInside(sandbox, options.exec, streams);
    streams.stdout.write(options.json === true ? readyLine(sandbox, binary.kind) : readyText(sandbox, binary.kind));
    if (!streams.signal.aborted) await new Promise<void>((resolve) => streams.signal.addEventListener('abort', () => resolve(), { once: true }));
    return 0;
  } finally {
    await sandbox.close();
  }
}

type Binary = { readonly kind: 'real'; readonly path: string } | { readonly kind: 'stand-in' };

async function chooseBinary({ cloudflared, standIn }: SandboxCommandOptions, environment: CommandStreams['environment']): Promise<Binary> {
  if (standIn === true) return { kind: 'stand-in' };
  const path = cloudflared ?? environment['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'] ?? await findOnPath('cloudflared', environment['PATH'] ?? '');
  return path === undefined || path === '' ? { kind: 'stand-in' } : { kind: 'real', path };
}

/** One line for programs: `sandbox.ready`, with everything that one needs to use and steer the sandbox. */
const readyLine = (sandbox: Sandbox, kind: Binary['kind']): string => `${JSON.stringify({
  event: 'sandbox.ready',
  pid: process.pid,
  zones: sandbox.world.zones.all().map(({ name }) => name),
  visitors: sandbox.visitorsUrl,
  loginPage: sandbox.loginPageUrl,
  control: sandbox.controlUrl,
  cloudflared: { kind, path: sandbox.cloudflared },
  environment: sandbox.environment(),
  cloudflaredEnvironment: sandbox.cloudflaredEnvironment(),
})}\n`;

function readyText(sandbox: Sandbox, kind: Binary['kind']): string {
  const zones = sandbox.world.zones.all().map(({ name }) => name).join(', ');
  return `A small Cloudflare with ${zones} runs on this machine, in memory. Ctrl-C ends it.

  visitors     ${sandbox.visitorsUrl} (the name wanted in the Host header)
  log in at    ${sandbox.loginPageUrl}
  steer it at  ${sandbox.controlUrl}
  cloudflared  ${sandbox.cloudflared ?? ''}${kind === 'stand-in' ? ' (a stand-in: no real one was given or found on PATH)' : ''}

# In another terminal, for the supervisor:
${exportLines(sandbox.environment())}
# and for a cloudflared that you run by hand:
${exportLines(sandbox.cloudflaredEnvironment())}`;
}

const exportLines = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables).map(([name, value]) => `export ${name}=${quoteForShell(value)}\n`).join('');

const quoteForShell = (value: string): string => (/^[\w./:,=@%+-]*$/u.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`);

async function runInside(sandbox: Sandbox, [program, ...args]: readonly string[], { signal, environment }: CommandStreams): Promise<number> {
  if (program === undefined) throw new TypeError('There is no program to run.');
  const { execa } = await import('execa');
  if (signal.aborted) return INTERRUPTED;
  const child = execa(program, args, {
    // Its own clean-up listens for signals too, and takes ours, which is heard once, for nobody's: it would end us on the spot.
    stdio: 'inherit', reject: false, buffer: false, extendEnv: false, cleanup: false,
    env: { ...environment, ...sandbox.environment(), ...sandbox.cloudflaredEnvironment(), SANDBOX_CONTROL: sandbox.controlUrl, SANDBOX_VISITORS: sandbox.visitorsUrl },
  });
  // Told to end, it gets the time that it needs: nobody forces it, and the sandbox serves until it has.
  const passOn = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', passOn);
  const { exitCode, signal: endedBy, message } = await child as { readonly exitCode?: number; readonly signal?: NodeJS.Signals; readonly message?: string };
  signal.removeEventListener('abort', passOn);
  if (endedBy !== undefined) return SIGNAL_EXIT_BASE + constants.signals[endedBy];
  if (exitCode === undefined) throw new Error(message ?? `${program} did not run.`);
  return exitCode;
}

function processStreams(): CommandStreams {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
  return { stdout: process.stdout, environment: process.env, signal: ending.signal };
}
