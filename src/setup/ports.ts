import type { Clock, Random } from '../core/clock.js';
import type { LedgerEntry, Warning } from '../core/dns.js';
import type { Emit } from '../core/events.js';
import type { ForwardingRule } from '../core/rule.js';
import type { Secret } from '../core/secret.js';
import type { OriginCert, TunnelCredentials, TunnelIdentity } from '../core/tunnel.js';
import type { DnsRecords } from '../forwarding/ports.js';
import type { Gate, JournalStore } from '../transaction/ports.js';

/** What setup needs of the world. All of it is slow or has a person in it; only `publish` enters the writer queue. */

export interface Binary {
  /** Absolute. */
  readonly path: string;
  readonly version: string;
}

/**
 * Finds cloudflared, or installs it in the base directory; `onWaiting` says what is being waited for then. Rejects with
 * what is wrong with the one that was found, or with why none could be installed.
 */
export interface BinaryFinder {
  find(signal: AbortSignal, onWaiting: (message: string) => void): Promise<Binary>;
}

export type LoginOutcome =
  /** The content of the `cert.pem` that cloudflared wrote. */
  | { readonly kind: 'certificate'; readonly pem: Secret }
  /** cloudflared ended without one: another run gives a new URL. */
  | { readonly kind: 'gave-up'; readonly reason: string };

/** `cloudflared tunnel login`, one run of it, in a private and empty HOME. */
export interface Login {
  /**
   * Calls `onUrl` with the authorisation URL as soon as it is known. Ends the program and rejects with the
   * signal's reason when that is aborted. Rejects with LOGIN_FAILED where another run would not help.
   */
  attempt(run: { readonly binary: Binary; readonly onUrl: (url: string) => void; readonly signal: AbortSignal }): Promise<LoginOutcome>;
  /** The certificate that a run of a killed supervisor got before, or since: a person need not be asked again. */
  collect?(): Promise<Secret | undefined>;
  /** Ends what a killed supervisor left running, and its HOME. */
  sweep(): Promise<void>;
}

export interface Zone {
  readonly id: string;
  readonly name: string;
}

export interface AccountTunnel {
  /** UUID, lower case. */
  readonly id: string;
  readonly name: string;
  /** Its rules are kept at Cloudflare: no connector's own count. */
  readonly remote: boolean;
}

/** One connector of a tunnel, as the account sees it; `id` is what its `/ready` calls `connectorId`. */
export interface LiveConnector {
  readonly id: string;
  readonly originIp: string | undefined;
  readonly version: string | undefined;
}

export type CreateOutcome =
  | { readonly kind: 'created'; readonly tunnel: AccountTunnel }
  | { readonly kind: 'name-taken' }
  /** No answer came, or none that says whether the tunnel was made. */
  | { readonly kind: 'answer-lost'; readonly error: Error };

/** The account and zone of one certificate, over REST. Requests are retried until the signal aborts. */
export interface CloudflareAccount {
  readonly certificate: OriginCert;
  /** The certificate's zone; undefined where the token may not read it. */
  readZone(signal: AbortSignal): Promise<Zone | undefined>;
  /** The living tunnel of exactly this name. */
  findTunnel(name: string, signal: AbortSignal): Promise<AccountTunnel | undefined>;
  /** The living tunnel of this id. */
  readTunnel(tunnelId: string, signal: AbortSignal): Promise<AccountTunnel | undefined>;
  /** Tries once: whoever gets `answer-lost` looks before trying again. `secret` is base64. */
  createTunnel(name: string, secret: Secret, signal: AbortSignal): Promise<CreateOutcome>;
  fetchCredentials(tunnelId: string, signal: AbortSignal): Promise<TunnelCredentials>;
  listConnectors(tunnelId: string, signal: AbortSignal): Promise<readonly LiveConnector[]>;
  /** Its connections go with it. A tunnel that is gone already is fine. */
  deleteTunnel(tunnelId: string, signal: AbortSignal): Promise<void>;
}

/** Parses the certificate; throws ORIGIN_CERT_INVALID. Makes no request. */
export type OpenAccount = (pem: Secret) => CloudflareAccount;

/** What we were about to create: written before the request, so that a lost answer leaves no orphan. */
export interface TunnelIntent {
  readonly name: string;
  readonly accountId: string;
  /** Base64 of 32 random bytes: whoever knows it made the tunnel. */
  readonly secret: Secret;
}

export interface StagedTunnel {
  readonly identity: TunnelIdentity;
  readonly credentials: TunnelCredentials;
}

/** The tunnel that serves now, and the certificate that manages it. */
export interface InstalledTunnel {
  readonly identity: TunnelIdentity;
  readonly certificate: Secret | undefined;
  readonly credentials: TunnelCredentials | undefined;
}

/** A tunnel that others run on this machine, and whose place we take beside them: nobody logs in, and none is made. */
export interface Adoption {
  /** UUID, lower case; where it is not known, the name must be, and a certificate must be there to ask with. */
  readonly tunnelId: string | undefined;
  readonly tunnelName: string | undefined;
  /** Absent: fetched with the certificate. */
  readonly credentials: TunnelCredentials | undefined;
  /** Where there is no certificate, or it may not read its zone. */
  readonly likelyDomain: string | undefined;
  readonly rules: readonly ForwardingRule[];
  /** Connectors of this machine that run it now, known by id or not. */
  readonly connectorIds: readonly string[];
  readonly otherConnectors: number;
}

/**
 * The private directory of a setup (`<base>/setup`, 0700): what is proven, and not yet in use. What was written is
 * on disk when the call resolves. `TunnelArtifacts.install` takes certificate and tunnel from here.
 */
export interface TunnelStaging {
  readCertificate(): Promise<Secret | undefined>;
  writeCertificate(pem: Secret): Promise<void>;
  /** What a setup brought with it that makes no tunnel of its own. */
  readAdoption(): Promise<Adoption | undefined>;
  writeAdoption(adoption: Adoption): Promise<void>;
  readIntent(): Promise<TunnelIntent | undefined>;
  writeIntent(intent: TunnelIntent): Promise<void>;
  readTunnel(): Promise<StagedTunnel | undefined>;
  writeTunnel(tunnel: StagedTunnel): Promise<void>;
  /** The tunnel that this setup replaces. */
  readPrevious(): Promise<InstalledTunnel | undefined>;
  writePrevious(previous: InstalledTunnel): Promise<void>;
  /** Removes the directory. Idempotent. */
  clear(): Promise<void>;
}

/** Certificates of zones that we left, kept while the ledger has records in them; `cloudflare/zone-access` reads them. */
export interface RetiredCertificates {
  keep(pem: Secret): Promise<void>;
  /** Removes those whose zone has no record in the ledger any more, and that of the zone in use. */
  prune(): Promise<void>;
}

export interface PublishRequest {
  /** The change of the setup: what `TunnelArtifacts` is called with. */
  readonly change: string;
  readonly tunnel: TunnelIdentity;
  readonly takeover: boolean;
  /** Of an adoption: published with those that were stored here. One that is stored already stays as it is where this tunnel is in use. */
  readonly rules?: readonly ForwardingRule[];
}

export interface PublishOutcome {
  readonly revision: number;
  /** Stored rules outside the new zone: kept, not published. */
  readonly setAside: readonly ForwardingRule[];
  readonly warnings: readonly Warning[];
}

/**
 * Applies the stored rules on the staged tunnel, through the writer queue, with the artifacts installed as one of
 * its steps; everything is as before when it rejects. Idempotent: again after a kill it finds nothing to do.
 */
export type Publish = (request: PublishRequest, signal: AbortSignal) => Promise<PublishOutcome>;

/** What the default name of a tunnel is made of. */
export interface NameSource {
  /** The name in the state file, ours or Portacode's; undefined where there is none. */
  readonly recordedName: string | undefined;
  readonly hostname: string;
  /** Six hex digits that tell this machine from another of the same host name. */
  readonly machineTag: string;
}

export interface SetupPorts {
  readonly binary: BinaryFinder;
  readonly login: Login;
  readonly openAccount: OpenAccount;
  readonly staging: TunnelStaging;
  readonly retired: RetiredCertificates;
  readonly installed: () => Promise<InstalledTunnel | undefined>;
  /** `connectorId`s of the connectors of this supervisor, orphans that it took over included. */
  readonly knownConnectors: () => Promise<readonly string[]>;
  readonly nameSource: () => Promise<NameSource>;
  readonly publish: Publish;
  /** Resolves when the connectors that publishing replaced have ended: until then their tunnel must stay. */
  readonly drained: (signal: AbortSignal) => Promise<void>;
  /** Removes `<tunnel id>.json`: no connector of ours runs that tunnel any more. Idempotent. */
  readonly removeCredentials: (tunnelId: string) => Promise<void>;
  readonly journals: JournalStore;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: Random;
  /** Base64 of 32 random bytes. */
  readonly createSecret: () => Secret;
  /** Unique, sortable by time. */
  readonly createChangeId: () => string;
  readonly gate?: Gate;
}

/** What disconnecting needs of the world. It runs as the writer does: in its queue, one at a time. */
export interface DisconnectPorts {
  readonly installed: () => Promise<InstalledTunnel | undefined>;
  readonly openAccount: OpenAccount;
  readonly dns: Pick<DnsRecords, 'awaitTurn' | 'execute' | 'undo'>;
  readonly ledger: () => readonly LedgerEntry[];
  /** As for a setup: who else is connected to the tunnel is somebody else. */
  readonly knownConnectors: () => Promise<readonly string[]>;
  readonly connectors: {
    /** One SIGTERM each; resolves when all have ended. Idempotent. */
    stopAll(): Promise<void>;
    /** Takes `stopAll` back: the committed revision is served again. */
    startAll(): Promise<void>;
  };
  /** Certificate, credentials, tunnel and config files, and what the state files say of them. The rules stay. Idempotent. */
  readonly removeArtifacts: (tunnel: TunnelIdentity) => Promise<void>;
  readonly journals: JournalStore;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Unique, sortable by time. */
  readonly createChangeId: () => string;
  readonly gate?: Gate;
}
