import type { DnsChange, DnsPlan, Warning } from '../core/dns.js';
import type { IngressRule } from '../core/ingress.js';
import type { Revision } from '../core/revision.js';
import type { DeviceAddress } from '../core/rule.js';

export type { IngressRule };

/** Names one connector process of this daemon's life. */
export interface ConnectorHandle {
  readonly id: number;
  readonly revision: number;
  readonly pid: number;
}

/** The connectors, as a transaction sees them. Implemented by connector/. */
export interface Connectors {
  /**
   * Those that serve or should: started (or found: orphans of a killed supervisor too) and not retired, oldest first.
   * One that ended before it was promoted is not among them any more.
   */
  current(): readonly ConnectorHandle[];
  /** Spawns a connector on `revisions/<revision>.yml`. Resolves when the process runs; it is not supervised yet. */
  start(revision: number): Promise<ConnectorHandle>;
  /** Resolves when `/ready` is 200 and `/config` shows these rules; rejects with the classified failure or CONNECTOR_NOT_READY. */
  verify(handle: ConnectorHandle, expected: readonly IngressRule[], signal: AbortSignal): Promise<void>;
  /**
   * From now on the connector on this revision is kept alive (restart, backoff), and no other is restarted. Where none
   * runs on it one is started; failures of that start are the supervision's, not the caller's. Idempotent.
   */
  promote(revision: number): void;
  /**
   * Resolves when these may end without a gap: the one that is kept is ready, or none of them serves either; at once where
   * that is known already. Rejects when the signal aborts.
   */
  awaitSuccessor(old: readonly ConnectorHandle[], signal: AbortSignal): Promise<void>;
  /**
   * SIGTERM, once, or SIGKILL where it never was ready; resolves when it has unregistered or ended. It drains on in the
   * background. One that was given up is forgotten.
   */
  retire(handle: ConnectorHandle): Promise<void>;
  /** SIGTERM and waits for the end, force at the stop timeout: for `replace=restart`. */
  stop(handle: ConnectorHandle): Promise<void>;
  /** The config of this revision must not serve a moment longer (an address is somebody else's): SIGKILL. */
  kill(handle: ConnectorHandle): Promise<void>;
}

/** DNS records, as a transaction sees them. Implemented by cloudflare/. */
export interface DnsRecords {
  /**
   * Reads what is there (at most one request a new name) and decides. Makes no request where no name is new: removals
   * come from the ledger alone, so that a rule can go while Cloudflare is away. `joined`: nothing is ever deleted. With
   * `takeover` the records of the names `asked` (all, unless given) are read again, and taken back from whoever has them.
   */
  plan(wanted: { readonly hostnames: readonly string[]; readonly zoneId: string; readonly domain: string; readonly tunnelId: string; readonly joined: boolean; readonly takeover: boolean; readonly asked?: readonly string[] }): Promise<DnsPlan>;
  /**
   * Resolves when Cloudflare's limit on requests lets one more change be carried out: after a thousand names that may
   * take minutes, which are not to be counted as its being away. Await it before the deadline of `execute` begins.
   */
  awaitTurn(signal: AbortSignal): Promise<void>;
  /** Carries one change out and writes the ledger. Retries 429, 5xx and time-outs until the signal aborts. Idempotent. */
  execute(change: DnsChange, signal: AbortSignal): Promise<{ readonly warnings: readonly Warning[] }>;
  /** Takes one change back. Idempotent. */
  undo(change: DnsChange, signal: AbortSignal): Promise<{ readonly warnings: readonly Warning[] }>;
  /** Remembers that a withdrawal could not be done now; drift checks do it later. */
  owe(change: DnsChange): Promise<void>;
  /** What the ledger says of a name, for `RuleView.dns`. */
  stateOf(hostname: string): string;
}

/** Addresses of devices. Implemented by devices/; where there are none, every device is unresolved. */
export interface AddressResolver {
  resolve(deviceIds: readonly string[]): Promise<ReadonlyMap<string, DeviceAddress>>;
}

/** Revisions on disk. Implemented by state/. */
export interface RevisionStore {
  /** The committed one. */
  current(): Revision | undefined;
  read(revision: number): Promise<Revision | undefined>;
  list(): Promise<readonly Revision[]>;
  /** A number never used before. */
  nextNumber(): number;
  /** Writes `N.json` and `N.yml`; on disk when it resolves. */
  write(revision: Revision, yaml: string): Promise<void>;
  /** Undoes a write. Idempotent. The current one too, where it is the first ever and its commit is taken back. */
  remove(revision: number): Promise<void>;
  /** Makes it the committed one, and prunes what is older than ten and not `inUse`. */
  commit(revision: number, inUse: readonly number[]): Promise<void>;
}

/** `config.yml` and Portacode's files: copies of a revision. */
export interface Copies {
  write(revision: Revision): Promise<readonly Warning[]>;
}

/** New certificate, credentials and tunnel of a setup, put in place and taken back as one step of an apply. */
export interface TunnelArtifacts {
  /** Keeps what is there beside the journal, then puts the staged ones in place. Idempotent. */
  install(change: string): Promise<void>;
  /** Puts back what `install` kept. Idempotent. */
  restore(change: string): Promise<void>;
  /** The change is committed: what `install` kept is not needed any more. */
  forget(change: string): Promise<void>;
}
