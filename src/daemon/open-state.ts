import { mkdir } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import type { Emit } from '../core/events.js';
import type { Secret } from '../core/secret.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { RevisionStore, TunnelArtifacts } from '../forwarding/ports.js';
import { sweepTemporaries } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import { parseOriginCert } from '../cloudflare/origin-cert.js';
import type { InstalledTunnel, TunnelStaging } from '../setup/ports.js';
import { openCopyHashes, type CopyHashes } from '../state/copy-hashes.js';
import { readCredentials } from '../state/credentials-file.js';
import { openDnsLedger, type DnsLedger } from '../state/dns-ledger.js';
import { createJournalStore } from '../state/journal.js';
import { readSecret } from '../state/read-secret.js';
import { createRetiredCertificates, type RetiredCertificateStore } from '../state/retired-certificates.js';
import { openRevisionStore } from '../state/revisions.js';
import { createTunnelArtifacts } from '../state/tunnel-artifacts.js';
import { createTunnelDocument } from '../state/tunnel-document.js';
import { createTunnelStaging } from '../state/tunnel-staging.js';
import type { JournalStore } from '../transaction/ports.js';

/** Everything that this daemon keeps on disk, open. */
export interface State {
  readonly revisions: RevisionStore;
  readonly ledger: DnsLedger;
  readonly journals: JournalStore;
  readonly copyHashes: CopyHashes;
  readonly staging: TunnelStaging;
  readonly retired: RetiredCertificateStore;
  readonly artifacts: TunnelArtifacts;
  /** The tunnel in use: from memory, since every plan asks. */
  readonly tunnel: () => TunnelIdentity | undefined;
  readonly readCertificate: () => Promise<Secret | undefined>;
  readonly readInstalled: () => Promise<InstalledTunnel | undefined>;
  /** No tunnel any more. */
  readonly forgetTunnel: () => Promise<void>;
}

/** Only for the holder of the lock. */
export async function openState(paths: BasePaths, emit: Emit, clock: Clock): Promise<State> {
  for (const directory of [paths.baseDir, paths.revisionsDir, paths.journalDir]) await sweepTemporaries(directory);
  await mkdir(paths.setupDir, { recursive: true, mode: 0o700 });
  const [revisions, ledger, copyHashes] = await Promise.all([openRevisionStore(paths, emit, clock), openDnsLedger(paths, emit), openCopyHashes(paths, emit)]);
  const staging = createTunnelStaging(paths, emit);
  const document = createTunnelDocument(paths.tunnelDocument, emit);
  let tunnel = await document.read();
  /** Whatever became of it: what stands there now is the tunnel in use. */
  const andLookAgain = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } finally {
      tunnel = await document.read();
    }
  };
  const artifacts = createTunnelArtifacts(paths, staging, emit);
  const readCertificate = (): Promise<Secret | undefined> => readSecret(paths.certPem);

  return {
    revisions,
    ledger,
    copyHashes,
    staging,
    journals: createJournalStore(paths, emit, clock),
    retired: createRetiredCertificates(paths, {
      zoneOf: (pem) => parseOriginCert(pem).zoneId,
      zoneInUse: () => Promise.resolve(tunnel?.zoneId),
      zoneBeingLeft: async () => (await staging.readPrevious())?.identity.zoneId,
      zonesOfRecords: () => ledger.list().map(({ zoneId }) => zoneId),
    }),
    artifacts: {
      install: (change) => andLookAgain(artifacts.install(change)),
      restore: (change) => andLookAgain(artifacts.restore(change)),
      forget: (change) => artifacts.forget(change),
    },
    tunnel: () => tunnel,
    readCertificate,
    readInstalled: async () => {
      if (tunnel === undefined) return undefined;
      return { identity: tunnel, certificate: await readCertificate(), credentials: await readCredentials(paths.credentials(tunnel.id)) };
    },
    forgetTunnel: () => andLookAgain(document.remove()),
  };
}
