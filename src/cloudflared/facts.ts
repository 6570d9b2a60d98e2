import { SupervisorError } from '../core/errors.js';
import type { FactFinder, TunnelVerdict } from '../connector/ports.js';
import { runProgram } from '../host/run-program.js';
import { validateCommand } from './command-lines.js';
import { candidatePaths, inspectBinary, markOf } from './find.js';
import type { BinarySearch } from './find.js';
import { isPortTaken } from './free-port.js';
import type { LauncherOptions } from './launcher.js';
import { readMemoryKills } from './memory-kills.js';
import { askResolver, checkNetwork, isEdgeNamed } from './network.js';
import { checkRunFiles } from './preflight.js';

export interface FactOptions extends Pick<LauncherOptions, 'paths' | 'binary' | 'tunnelIdOf' | 'env' | 'options' | 'redactor'> {
  readonly search: BinarySearch;
  /** Asks Cloudflare's API; `unknown` where it cannot be asked. Must not reject. */
  readonly inspectTunnel: (tunnelId: string) => Promise<TunnelVerdict>;
}

const VALIDATE_TIMEOUT_MS = 15_000;

/** Facts about connectors, found out on this machine and, for the tunnel, at Cloudflare. */
export function createFactFinder(facts: FactOptions): FactFinder {
  const { paths, redactor } = facts;
  return {
    preflight: async (revision) => await caught(async () => {
      await facts.binary();
      const tunnelId = await facts.tunnelIdOf(revision);
      return await checkRunFiles({ config: paths.revisionYml(revision), credentials: paths.credentials(tunnelId), tunnelId }, (secret) => redactor.learn(secret));
    }),
    checkBinary: async () => await caught(async () => {
      const found = await inspectBinary((await facts.binary()).path, facts.env);
      return found instanceof SupervisorError ? found : undefined;
    }),
    refusedConfig: async (revision) => await refusedConfig(facts, revision),
    portTaken: isPortTaken,
    network: async () => await checkNetwork(facts.options.edge),
    resolver: async () => await askResolver(),
    edgeIsNamed: () => isEdgeNamed(facts.options.edge),
    tunnel: async (revision) => {
      try {
        return await facts.inspectTunnel(await facts.tunnelIdOf(revision));
      } catch {
        return 'unknown'; // No such revision any more: there is nothing to ask about.
      }
    },
    memoryKills: async () => await readMemoryKills(),
    fingerprint: async (revision) => {
      const credentials = await facts.tunnelIdOf(revision).then((tunnelId) => paths.credentials(tunnelId), () => undefined);
      const files = [paths.revisionYml(revision), paths.certPem, ...(credentials === undefined ? [] : [credentials]), ...candidatePaths(facts.search)];
      return files.map(markOf).join(' ');
    },
  };
}

/** What one of ours was thrown for is a finding; anything else is not to be found out here. */
async function caught(find: () => Promise<SupervisorError | undefined>): Promise<SupervisorError | undefined> {
  try {
    return await find();
  } catch (error) {
    return error instanceof SupervisorError ? error : undefined;
  }
}

/** `ingress validate` says `Validation failed: …`, or why the file cannot be read, on its last line. */
async function refusedConfig({ paths, binary, env, redactor }: FactOptions, revision: number): Promise<string | undefined> {
  try {
    const { path } = await binary();
    const result = await runProgram(validateCommand(path, paths.revisionYml(revision)), { env, timeoutMs: VALIDATE_TIMEOUT_MS, cwd: paths.baseDir });
    if (result.startError !== undefined || result.timedOut || result.exitCode === undefined || result.exitCode === 0) return undefined;
    const said = result.stderr.split('\n').map((line) => line.trim()).findLast((line) => line !== '') ?? `exit code ${result.exitCode}`;
    return redactor.redact(said.replace(/^Validation failed: /, ''));
  } catch {
    return undefined; // No binary: found by `preflight`.
  }
}
