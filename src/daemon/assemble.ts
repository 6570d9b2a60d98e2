import { access, constants, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createLogin } from '../cloudflared/login.js';
import { readProcess } from '../host/process-table.js';
import { machineTag } from '../host/machine-id.js';
import { removeDurably } from '../host/atomic-file.js';
import { Secret } from '../core/secret.js';
import { bringRules } from '../forwarding/rules-edit.js';
import { revisionToServe } from '../forwarding/wants-connector.js';
import { createWriter, type ForwardingWriter } from '../forwarding/writer.js';
import type { DevicePublishing } from '../devices/ports.js';
import type { DisconnectPorts, Publish } from '../setup/ports.js';
import { createSetupSession, type SetupSession } from '../setup/session.js';
import { writeCredentials } from '../state/credentials-file.js';
import type { ConnectorSupervisor } from '../connector/supervisor.js';
import type { StateFiles } from '../portacode/state-files/keeper.js';
import { createBinaryParts, type BinaryFinder } from './binary-parts.js';
import { createChangeIds } from './change-id.js';
import { createCloudflareParts, type CloudflareParts } from './cloudflare-parts.js';
import { createConnectorLogs, type ConnectorLogs } from './connector-logs.js';
import { createConnectorParts } from './connector-parts.js';
import { createConfigCopy, createCopies, type KeptCopies } from './copies.js';
import { createDevicePublishing, createDeviceParts, type DeviceParts } from './device-parts.js';
import type { EventLog } from './event-log.js';
import { createCredentialsHealer } from './heal-credentials.js';
import { logConnectorLine } from './log-lines.js';
import type { State } from './open-state.js';
import { createInheritance, createPortacodeFiles } from './portacode-files.js';
import type { DaemonExtras } from './ports.js';
import type { ProcessContext } from './process-context.js';
import { createBinaryProvider } from './provide-binary.js';
import { chooseReplaceMode, readMemory } from './replace-mode.js';
import { createUpgrader, type Upgrader } from './upgrade.js';
import { waitUntilDrained } from './wait-until-drained.js';

/** The parts of a running daemon, each made with those before it. */
export interface Parts {
  readonly binary: BinaryFinder;
  readonly cloudflare: CloudflareParts;
  readonly connectors: ConnectorSupervisor;
  readonly connectorLogs: ConnectorLogs;
  readonly copies: KeptCopies;
  readonly stateFiles: StateFiles;
  readonly writer: ForwardingWriter;
  readonly devices: DeviceParts;
  readonly devicePublishing: DevicePublishing;
  readonly setup: SetupSession;
  readonly disconnect: DisconnectPorts;
  readonly upgrader: Upgrader;
}

/** The one place where everybody is introduced to everybody. */
export function assembleParts(context: ProcessContext, log: EventLog, state: State, extras: DaemonExtras): Parts {
  const { clock, random, environment, options, places } = context;
  const { paths } = places;
  const { emit } = log;
  const gate = extras.gate === undefined ? {} : { gate: extras.gate };
  const createChangeId = createChangeIds(clock);

  const binary = createBinaryParts(context);
  const cloudflare = createCloudflareParts(context, state, emit, binary.find);
  const connectorLogs = createConnectorLogs(paths.logDir, context.redactor);
  const connectors = createConnectorParts(context, {
    binary,
    revisions: state.revisions,
    emit,
    inspectTunnel: cloudflare.inspectTunnel,
    onLogLine: (line) => {
      logConnectorLine(context.logger, line);
      connectorLogs.publish(line);
    },
  });
  const drained = (signal: AbortSignal): Promise<void> => waitUntilDrained(connectors, log, signal);

  const stateFiles = createPortacodeFiles(context, { state, emit, binary, connectors: () => connectors.status(), setup: () => setup.status() });
  const copies = createCopies({ sources: [createConfigCopy(paths), ...stateFiles.copies], hashes: state.copyHashes, revisions: state.revisions, emit, clock });
  const devices = createDeviceParts(context, state, emit);
  const replaceMode = () => chooseReplaceMode(options.replace, () => readMemory(connectors.current().map(({ pid }) => pid).filter((pid) => readProcess(pid) !== undefined)));
  const writer = createWriter(
    {
      revisions: state.revisions,
      connectors,
      dns: cloudflare.dns,
      addresses: devices.directory,
      copies,
      artifacts: state.artifacts,
      journals: state.journals,
      emit,
      clock,
      tunnel: state.tunnel,
      credentialsFile: paths.credentials,
      createChangeId,
      chooseReplaceMode: replaceMode,
      fileExists: canRead,
      inherited: createInheritance(stateFiles, devices.book, emit),
      ...gate,
    },
    random,
  );

  const publish: Publish = async ({ change, tunnel, takeover, rules }, signal) => {
    const brought = rules === undefined ? {} : { edit: bringRules(rules, { keepStored: state.tunnel()?.id === tunnel.id }) };
    const { revision, warnings } = await writer.submit({ kind: 'publish', setup: change, tunnel, ...brought }, { reason: 'setup', takeover, signal });
    return { revision, warnings, setAside: state.revisions.current()?.setAside ?? [] };
  };
  const setup = createSetupSession({
    binary: createBinaryProvider(context, binary, emit),
    login: createLogin({ home: paths.loginHome, env: environment, extra: context.childExtra, clock }),
    openAccount: cloudflare.openAccount,
    staging: state.staging,
    retired: state.retired,
    installed: state.readInstalled,
    knownConnectors: () => connectors.connectorIds(),
    nameSource: async () => ({ recordedName: state.tunnel()?.name ?? (await stateFiles.recordedTunnelName()), hostname: hostname(), machineTag: machineTag() }),
    publish,
    drained,
    removeCredentials: (tunnelId) => removeDurably(paths.credentials(tunnelId)),
    journals: state.journals,
    emit,
    clock,
    random,
    createSecret: () => new Secret(randomBytes(TUNNEL_SECRET_BYTES).toString('base64')),
    createChangeId,
    ...gate,
  });

  log.subscribe(
    createCredentialsHealer({
      tunnel: state.tunnel,
      fetch: cloudflare.fetchCredentials,
      write: (credentials) => writeCredentials(paths.credentials(credentials.tunnelId), credentials),
      clock,
      logger: context.logger,
    }),
  );

  const disconnect: DisconnectPorts = {
    installed: state.readInstalled,
    openAccount: cloudflare.openAccount,
    dns: cloudflare.dns,
    ledger: () => state.ledger.list(),
    knownConnectors: () => connectors.connectorIds(),
    connectors: {
      stopAll: async () => {
        await Promise.all(connectors.current().map((handle) => connectors.stop(handle)));
        await drained(new AbortController().signal);
      },
      startAll: async () => connectors.takeOver(revisionToServe(state.tunnel(), state.revisions.current())),
    },
    removeArtifacts: async ({ id }) => {
      await copies.remove(removeDurably);
      await removeDurably(paths.credentials(id));
      await removeDurably(paths.certPem);
      await state.forgetTunnel();
      await state.retired.prune();
    },
    journals: state.journals,
    emit,
    clock,
    createChangeId,
    ...gate,
  };
  const upgrader = createUpgrader(context, { binary, connectors, state, writer, emit, chooseReplaceMode: replaceMode });
  return { binary, cloudflare, connectors, connectorLogs, copies, stateFiles, writer, devices, devicePublishing: createDevicePublishing(writer, state, cloudflare.dns), setup, disconnect, upgrader };
}

/** What cloudflared makes: 32 random bytes. */
const TUNNEL_SECRET_BYTES = 32;

/** cloudflared would read for ever from a FIFO, and trust nobody by a directory. */
async function canRead(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // Not there, or not for us to read.
  }
}
