import type { ConnectorStatus, SetupStatus } from '../core/status.js';
import type { Emit } from '../core/events.js';
import { validateRules } from '../forwarding/validate.js';
import { toSupervisorError } from '../core/errors.js';
import type { StoredRules } from '../forwarding/rules-edit.js';
import type { AddressBook } from '../devices/address-book.js';
import { runProgram } from '../host/run-program.js';
import { ConnectorWatch } from '../portacode/connector-watch.js';
import { createStateFiles, type StateFiles } from '../portacode/state-files/keeper.js';
import type { TunnelFacts } from '../portacode/state-files/tunnel-file.js';
import type { BinaryFinder } from './binary-parts.js';
import { isKeptByService } from './own-service.js';
import type { State } from './open-state.js';
import type { ProcessContext } from './process-context.js';

export interface PortacodeFilesParts {
  readonly state: Pick<State, 'copyHashes' | 'revisions' | 'tunnel'>;
  readonly emit: Emit;
  readonly binary: Pick<BinaryFinder, 'last'>;
  readonly connectors: () => readonly ConnectorStatus[];
  /** Called later than this is made. */
  readonly setup: () => SetupStatus;
}

/** Portacode's two state files: copies of the revision, and of what is known of the tunnel. */
export function createPortacodeFiles(context: ProcessContext, { state, emit, binary, connectors, setup }: PortacodeFilesParts): StateFiles {
  const { places, clock } = context;
  const { paths } = places;
  const describeBinary = createBinaryDescriber(context);

  const facts = async (): Promise<TunnelFacts> => {
    const tunnel = state.tunnel();
    const current = state.revisions.current();
    const { state: connectorState, message } = new ConnectorWatch(connectors()).now();
    const { loginUrl, expiresAt } = setup();
    const found = binary.last();
    return {
      tunnel,
      isChanging: tunnel !== undefined && current?.tunnelId !== tunnel.id,
      setup: current?.setup,
      credentialsFile: tunnel === undefined ? null : paths.credentials(tunnel.id),
      configPath: paths.configYml,
      certPath: paths.certPem,
      cloudflaredVersion: found === undefined ? undefined : await describeBinary(found),
      connectorState,
      connectorMessage: message,
      serviceInstalled: await isKeptByService(context),
      login: loginUrl === null ? undefined : { url: loginUrl, expiresAt },
    };
  };
  return createStateFiles({ stateDir: places.stateDir, hashes: state.copyHashes, facts, currentRevision: () => state.revisions.current()?.revision ?? null, emit, clock });
}

/** So many are named. */
const MOST_NAMED = 10;

/** One warning for all: a second one would take the place of the first. */
function describeRefused(refused: readonly string[]): string {
  const more = refused.length > MOST_NAMED ? `; and ${refused.length - MOST_NAMED} more` : '';
  const which = refused.length === 1 ? "A rule of Portacode's cannot be published, and is" : `${refused.length} rules of Portacode's cannot be published, and are`;
  return `${which} kept in its file: ${refused.slice(0, MOST_NAMED).join('; ')}${more}`;
}

const VERSION_TIMEOUT_MS = 10_000;

/** What `--version` says, as Portacode shows it; asked once for each binary. */
function createBinaryDescriber({ childEnvironment, clock }: ProcessContext): (binary: { readonly path: string; readonly version: string }) => Promise<string> {
  let known: { readonly of: string; readonly line: Promise<string> } | undefined;
  const ask = async (path: string, version: string): Promise<string> => {
    const { stdout } = await runProgram([path, '--version'], { env: childEnvironment, timeoutMs: VERSION_TIMEOUT_MS, clock });
    return /^cloudflared version .*$/m.exec(stdout)?.[0].trim() ?? `cloudflared version ${version}`;
  };
  return ({ path, version }) => {
    const of = `${path} ${version}`;
    if (known?.of !== of) known = { of, line: ask(path, version) };
    return known.line;
  };
}

/**
 * What Portacode had published before our first revision: it stays published when its tunnel becomes ours. A rule that
 * cannot be published is left where it is, and does not keep the others from it.
 */
export function createInheritance(files: StateFiles, book: Pick<AddressBook, 'seed'>, emit: Emit): () => Promise<StoredRules> {
  return async () => {
    const { rules, addresses, problems } = await files.inherited();
    const usable = [];
    const refused = [...problems];
    for (const rule of rules) {
      try {
        await validateRules([rule], { zone: '', outsideZone: 'set-aside' });
        usable.push(rule);
      } catch (error) {
        refused.push(toSupervisorError(error).message);
      }
    }
    await book.seed(addresses);
    if (refused.length > 0) emit('daemon.warned', { code: 'RULE_NOT_INHERITED', message: describeRefused(refused) });
    return { rules: usable, setAside: [] };
  };
}
