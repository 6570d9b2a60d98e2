import type { ErrorBody } from './errors.js';
import type { Warning } from './dns.js';
import type { ConnectorStatus, RuleView, SetupStep } from './status.js';

/** What happens, as data. Type names are `noun.past-tense`; the sequence is given by the event log. */
export interface EventData {
  'daemon.ready': { socket: string; pid: number; version: string };
  'daemon.stopping': { handover: boolean };
  'daemon.warned': Warning;
  'setup.step-started': { step: SetupStep };
  'setup.step-waiting': { step: SetupStep; message: string };
  'setup.step-completed': { step: SetupStep; detail: string };
  /** `setAside`: rules outside the zone, kept and not published. What is optional an earlier version did not say. */
  'setup.completed': { domain: string; tunnelId: string; tunnelName: string; tunnelExisted: boolean; joined?: boolean; setAside?: string[]; warnings?: Warning[] };
  'setup.failed': { step: SetupStep; error: ErrorBody };
  'tunnel.disconnected': { tunnelId: string; domain: string };
  'login.url-issued': { url: string; expiresAt: string; attempt: number };
  'login.completed': { zoneId: string };
  'forwarding.accepted': { change: string; reason: string; revision: number };
  'forwarding.applied': { change: string; revision: number; reason: string; rules: RuleView[]; warnings: Warning[]; durationMs: number };
  'forwarding.unchanged': { change: string; revision: number; reason: string };
  'forwarding.refused': { change: string; reason: string; error: ErrorBody };
  'forwarding.rolled-back': { change: string; revision: number; error: ErrorBody; undoFailures: ErrorBody[] };
  'forwarding.progressed': { change: string; step: string; done: number; total: number };
  'connector.started': ConnectorStatus;
  'connector.ready': ConnectorStatus;
  'connector.lost': ConnectorStatus;
  'connector.draining': ConnectorStatus;
  'connector.stopped': ConnectorStatus & { exitCode: number | null; signal: string | null };
  'connector.failed': ConnectorStatus & { error: ErrorBody; retryAt: string | null };
  'connector.adopted': ConnectorStatus;
  'device.address-changed': { deviceId: string; from: string | null; to: string | null; reason: string };
  'dns.created': { hostname: string; content: string };
  'dns.updated': { hostname: string; content: string };
  'dns.taken-over': { hostname: string; content: string; previousType: string; previousContent: string };
  'dns.removed': { hostname: string };
  'dns.restored': { hostname: string; type: string; content: string };
  /** What was said of this name as drifted is over: set right by somebody, or not ours any more. */
  'dns.settled': { hostname: string };
  'dns.drifted': { hostname: string; problem: string; repaired: boolean };
  'binary.progressed': { version: string | null; receivedBytes: number; totalBytes: number | null };
  'binary.installed': { path: string; version: string; sha256: string; source: string };
  'binary.upgraded': { path: string; version: string; previousVersion: string | null };
  'binary.reverted': { version: string; error: ErrorBody };
  'document.restored': { file: string; setAsideAs: string; problem: string };
  'copy.edited': { file: string; outcome: 'applied' | 'set-aside'; message: string };
  /** One of them, or its directory, could not be read or written: what is published is right all the same. */
  'copy.failed': Warning;
  /** All of them, after some had failed. */
  'copy.restored': { revision: number };
  'journal.recovered': { change: string; outcome: 'finished' | 'undone' | 'failed'; message: string };
}

export type EventType = keyof EventData;

export type SupervisorEvent = {
  [T in EventType]: { readonly seq: number; readonly at: string; readonly type: T; readonly data: EventData[T] };
}[EventType];

/** The port everybody reports through. Never throws, never blocks. */
export type Emit = <T extends EventType>(type: T, data: EventData[T]) => void;
