import type { Secret } from '../core/secret.js';
import type { ConnectorProcess, Launcher } from '../connector/ports.js';
import type { BasePaths } from '../host/base-paths.js';
import type { Redactor } from '../host/redact.js';
import { errnoOf, toStorageError } from '../host/storage-error.js';
import { runCommand } from './command-lines.js';
import type { ConnectorOptions } from './command-lines.js';
import type { Binary } from './find.js';
import { chooseFreePort } from './free-port.js';
import { logNumber, nextLogNumber, pruneLogs, readLastLine } from './log-files.js';
import { followLog } from './log-follower.js';
import { describeLogLine, parseLogLine } from './log-line.js';
import type { ConnectorLogLine, LogContent } from './log-line.js';
import { findOrphans } from './orphans.js';
import { checkRunFiles } from './preflight.js';
import { adoptConnector, spawnConnector } from './process.js';
import type { ProcessCallbacks } from './process.js';
import { knowsNoPrechecks } from './version.js';

export interface LauncherOptions {
  readonly paths: BasePaths;
  /** The cloudflared to run now; rejects with BINARY_*. */
  readonly binary: () => Promise<Binary>;
  /** Which tunnel a revision is for. Rejects where there is no such revision. */
  readonly tunnelIdOf: (revision: number) => Promise<string>;
  /** What the children see: `childEnvironment(…)`. */
  readonly env: Readonly<Record<string, string>>;
  readonly options: ConnectorOptions;
  readonly redactor: Redactor;
  readonly onLogLine: (line: ConnectorLogLine) => void;
}

/** Starts connectors on revisions, follows their logs, and finds those that were left running. */
export function createLauncher(launcher: LauncherOptions): Launcher {
  const { paths, redactor } = launcher;
  const logsInUse = new Set<string>();
  const children = new Set<number>();

  /** One log, from now to the end of its process. */
  const attendLog = (path: string, from: 'start' | 'end', pid: number, revision: number): ProcessCallbacks => {
    logsInUse.add(path);
    const log = logNumber(path);
    const pass = (content: LogContent): void => launcher.onLogLine({ pid, revision, log, ...content });
    const follower = followLog({
      path, from,
      onLine: (line) => pass(parseLogLine(line, redactor)),
      onLeftOut: (howMuch) => pass({ level: 'warn', message: `${howMuch} of log were written faster than can be passed on; what is left of them is in ${path}`, time: null, fields: {} }),
      onRotated: () => pruneLogs(paths.logDir, (other) => logsInUse.has(other)),
    });
    return {
      lastLine: async () => describeLogLine(parseLogLine(await readLastLine(path), redactor)),
      onReleased: () => {
        logsInUse.delete(path);
        children.delete(pid);
        // What it wrote last is still passed on; nobody waits for it.
        void follower.catchUp().then(async () => await follower.stop());
      },
    };
  };

  return {
    launch: async (revision, program) => await explained(async () => {
      const [binary, tunnelId, metricsPort] = await Promise.all([program ?? launcher.binary(), launcher.tunnelIdOf(revision), chooseFreePort()]);
      const config = paths.revisionYml(revision);
      const credentials = paths.credentials(tunnelId);
      const wrong = await checkRunFiles({ config, credentials, tunnelId }, (secret: Secret) => redactor.learn(secret));
      if (wrong !== undefined) throw wrong;
      pruneLogs(paths.logDir, (path) => logsInUse.has(path));
      const logFile = paths.connectorLog(nextLogNumber(paths.logDir));
      const command = runCommand({
        binary: binary.path, config, originCert: paths.certPem, metricsPort, credentials, tunnelId,
        options: launcher.options, knowsNoPrechecks: knowsNoPrechecks(binary.version),
      });
      return await spawnConnector({ command, env: launcher.env, cwd: paths.baseDir, logFile, revision, metricsPort }, (pid) => {
        children.add(pid);
        return attendLog(logFile, 'start', pid, revision);
      });
    }),
    findOrphans: async (): Promise<readonly ConnectorProcess[]> => findOrphans(paths.revisionsDir, (pid) => children.has(pid)).map((orphan) => {
      const callbacks = orphan.logFile === undefined
        ? { lastLine: async () => '', onReleased: () => undefined }
        : attendLog(orphan.logFile, 'end', orphan.ref.pid, orphan.revision);
      return adoptConnector(orphan, callbacks);
    }),
  };
}

/** Files and descriptors that cannot be had are failures of their own; everything else keeps its own words. */
async function explained<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : toStorageError(error, 'a connector', 'start');
  }
}
