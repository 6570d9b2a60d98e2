import type { ForwardingRule } from '../core/rule.js';
import type { Secret } from '../core/secret.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import type { RefusedRule, TakenRule } from './decide/rules.js';
import type { ProcessOrigin, ServiceOrigin, Unreadable } from './findings.js';

/** What is said of one tunnel, and what taking it over would need. All of it can be shown. */
export interface TunnelReport {
  readonly id: string | null;
  readonly name: string | null;
  /**
   * `ready` can be taken over, `in-the-way` not before a person decides something, `remote` has its rules at
   * Cloudflare, `unknown` lacks something that could not be read, `ours` is run here already.
   */
  readonly verdict: 'ready' | 'in-the-way' | 'remote' | 'unknown' | 'ours';
  /** Why it is not `ready`; each a sentence. */
  readonly obstacles: readonly string[];
  /** The domain that its rules would live in, and who says so. */
  readonly domain: { readonly name: string; readonly from: string } | null;
  readonly services: readonly ServiceReport[];
  readonly processes: readonly ProcessReport[];
  /** The file, or words for where else it stands. */
  readonly config: string | null;
  readonly credentials: string | null;
  readonly certificate: { readonly from: string; readonly zoneId: string } | null;
  /** What would be published here. */
  readonly rules: readonly TakenRule[];
  readonly refused: readonly RefusedRule[];
  readonly skipped: readonly RefusedRule[];
  /** The rules of a `remote` one, where its connector shows them. */
  readonly remoteRules: readonly { readonly hostname: string; readonly path: string; readonly service: string }[];
  /** The DNS names that lead to it by its rules. */
  readonly names: readonly string[];
  readonly notes: readonly string[];
  readonly unreadable: readonly Unreadable[];
}

export interface ServiceReport extends Pick<ServiceOrigin, 'init' | 'name' | 'file' | 'enabledBy' | 'companions'> {
  readonly running: boolean;
}

export interface ProcessReport extends Pick<ProcessOrigin, 'pid' | 'startTime' | 'user' | 'uid' | 'inContainer' | 'commandLine'> {
  /** The program that started it, and may start it again. */
  readonly parent: string | null;
  /** The unit of systemd that it is in, its own or another program's. */
  readonly unit: string | null;
  /** Of the service that it is the program of. */
  readonly service: string | null;
  readonly connectorId: string | null;
  readonly gracePeriod: string | null;
}

export interface ImportReport {
  readonly tunnels: readonly TunnelReport[];
  /** Processes that run a tunnel of no account. */
  readonly quickTunnels: readonly ProcessReport[];
  /** Services and files of which nobody could tell which tunnel they are for. */
  readonly unknown: readonly { readonly what: string; readonly unreadable: readonly Unreadable[] }[];
}

/** A tunnel of the report with the secrets that taking it over needs. */
export interface Candidate {
  readonly report: TunnelReport;
  readonly credentials: TunnelCredentials | undefined;
  readonly certificate: Secret | undefined;
  readonly rules: readonly ForwardingRule[];
}

export interface Decision {
  readonly report: ImportReport;
  readonly candidates: readonly Candidate[];
}
