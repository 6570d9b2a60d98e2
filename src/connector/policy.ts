/** The times and limits of supervision, in ms where not said otherwise. One table, so that nothing hides a number. */
export interface Policy {
  /** The first repeated failure waits this long; each further one twice as long. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Up to this level of decayed failures a restart is immediate: one failure is, two in a row are not. */
  readonly immediateUpToLevel: number;
  /**
   * Serving this long halves what is remembered of earlier failures. So one that served for a few seconds starts
   * afresh, and one that dies as soon as it is ready waits up to the cap.
   */
  readonly failureHalfLifeMs: number;
  /** No more starts than `barrenStarts` in any `barrenWindowMs` while none of them gets ready. */
  readonly barrenStarts: number;
  readonly barrenWindowMs: number;
  /** What a restart cannot cure is tried again after this, then twice this, up to the cap. */
  readonly slowRetryMs: number;
  readonly slowRetryCapMs: number;
  /** While waiting for a person: how often the files are looked at. */
  readonly causeCheckMs: number;
  /** While an ended connector waits for the network: how often it is looked for. */
  readonly networkCheckMs: number;
  /** An edge that takes no TCP may still take QUIC: so an ended connector is started this often all the same. */
  readonly networkRetryMs: number;
  /** Ports are chosen again this often in a row before it counts as a failure. */
  readonly portRetries: number;
  /** A kept connector without a connection, the network being up, is replaced after this. */
  readonly withoutConnectionMs: number;
  /** Without connections but with requests in flight: somebody else told it to stop. Believed after this. */
  readonly drainedByOthersMs: number;
  /** A replacement that did not get ready in this time is given up; the next is tried `withoutConnectionMs` later. */
  readonly replacementReadyMs: number;
  /** When a running connector without a connection is examined first, and then how often. */
  readonly firstDiagnosisMs: number;
  readonly diagnosisMs: number;
  /** So many unanswered probes in a row make a ready connector lost: one may be a busy machine. */
  readonly unreachableProbes: number;
  /** How often a ready connector is asked; seldom, since its log wakes us as soon as something happens. */
  readonly readyProbeMs: number;
  /** Grace period of the connector plus a margin: then its group is killed. */
  readonly stopTimeoutMs: number;
  /** Whoever tells us to stop (an init system, to all of a cgroup) may have told the connector too: it needs a moment to say so. */
  readonly confirmReadyMs: number;
  /** An unregistered connector with nothing in flight that did not end in this time is killed: nobody told it to. */
  readonly idleUnregisteredMs: number;
  /**
   * A connector that is told to end before it has made all its connections (one a second) makes the others all the
   * same, and lets go of each at once; for those moments visitors get its old rules. One this young is killed as soon
   * as it has been unregistered and idle for `idleYoungMs`.
   */
  readonly youngMs: number;
  readonly idleYoungMs: number;
  /** A killed process that is still there is killed again. */
  readonly killAgainMs: number;
  /** `verify` gives up. A dead resolver alone costs cloudflared 30 s. */
  readonly readyTimeoutMs: number;
}

/** Above cloudflared's own grace period: what it needs to end after it. */
export const STOP_MARGIN_MS = 5_000;
const DEFAULT_GRACE_MS = 30_000;

export const DEFAULT_POLICY: Policy = {
  backoffBaseMs: 1_000,
  backoffCapMs: 60_000,
  immediateUpToLevel: 1.5,
  failureHalfLifeMs: 2_000,
  barrenStarts: 5,
  barrenWindowMs: 60_000,
  slowRetryMs: 120_000,
  slowRetryCapMs: 600_000,
  causeCheckMs: 2_000,
  networkCheckMs: 10_000,
  networkRetryMs: 300_000,
  portRetries: 3,
  withoutConnectionMs: 120_000,
  drainedByOthersMs: 2_000,
  replacementReadyMs: 60_000,
  firstDiagnosisMs: 3_000,
  diagnosisMs: 15_000,
  unreachableProbes: 3,
  readyProbeMs: 15_000,
  stopTimeoutMs: DEFAULT_GRACE_MS + STOP_MARGIN_MS,
  confirmReadyMs: 250,
  idleUnregisteredMs: 3_500,
  youngMs: 3_500,
  idleYoungMs: 100,
  killAgainMs: 5_000,
  readyTimeoutMs: 60_000,
};

/** How long to wait between two probes, by what is being waited for and for how long already. */
export interface ProbeStep {
  readonly untilMs: number;
  readonly everyMs: number;
}

/** A start takes 80 ms: asked tightly, then less and less. */
export const STARTING_PROBES: readonly ProbeStep[] = [
  { untilMs: 1_000, everyMs: 10 },
  { untilMs: 5_000, everyMs: 25 },
  { untilMs: 15_000, everyMs: 100 },
  { untilMs: 60_000, everyMs: 500 },
  { untilMs: Infinity, everyMs: 2_000 },
];

/** The other connections follow the first, one a second: shown soon. */
export const YOUNG_READY_PROBES: readonly ProbeStep[] = [{ untilMs: 5_000, everyMs: 500 }];

export const LOST_PROBES: readonly ProbeStep[] = [
  { untilMs: 5_000, everyMs: 250 },
  { untilMs: 60_000, everyMs: 1_000 },
  { untilMs: 600_000, everyMs: 2_000 },
  { untilMs: Infinity, everyMs: 5_000 },
];

/** Unregistering takes milliseconds. */
export const UNREGISTERING_PROBES: readonly ProbeStep[] = [
  { untilMs: 500, everyMs: 4 },
  { untilMs: 5_000, everyMs: 25 },
  { untilMs: Infinity, everyMs: 250 },
];

/** Already unregistered, by whom is not known: watched for its return. */
export const WATCHED_DRAIN_PROBES: readonly ProbeStep[] = [
  { untilMs: 1_000, everyMs: 50 },
  { untilMs: Infinity, everyMs: 250 },
];

export const probeInterval = (steps: readonly ProbeStep[], sinceMs: number, otherwiseMs: number): number =>
  steps.find((step) => sinceMs < step.untilMs)?.everyMs ?? otherwiseMs;
