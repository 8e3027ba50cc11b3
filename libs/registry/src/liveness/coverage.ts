import type { DetectionPaused, EventOf } from '@keyfleet/contracts/events';

export type PauseReason = EventOf<typeof DetectionPaused>['data']['reason'];

/** Canaries, flushes and sweeps come every 5 s; twice that is still on time. */
export const WATCH_INTERVAL_MS = 5_000;
export const TOLERANCE_MS = 10_000;
/** A beat can be ahead of what is proven by the tolerance and the interval in which it is noticed. */
const MOST_UNPROVEN_MS = TOLERANCE_MS + WATCH_INTERVAL_MS;

/**
 * How much seeing time there was and whether we see now. Times are wall-clock milliseconds; `coveredMs` only grows, and
 * an agent's silence is what it grew by since the agent's last beat.
 */
export interface Coverage {
  readonly coveredMs: number;
  /** Until here everything is proven to have worked, and is counted in `coveredMs`. */
  readonly provenUpTo: number | null;
  readonly lastWatchAt: number | null;
  readonly watching: boolean;
  /** Pauses told of so far; the first start of an installation is none. */
  readonly episode: number;
  readonly pausedSince: number | null;
  readonly reason: PauseReason | null;
  /** While paused: since when everything works again. */
  readonly goodSince: number | null;
  readonly resumedAt: number | null;
}

export const NEVER_WATCHED: Coverage = {
  coveredMs: 0,
  provenUpTo: null,
  lastWatchAt: null,
  watching: false,
  episode: 0,
  pausedSince: null,
  reason: 'starting',
  goodSince: null,
  resumedAt: null,
};

/** Something that went all the way at this moment: a canary, a replica's flush, a question to the store. */
export interface Proof {
  readonly of: 'canary' | 'flush' | 'store';
  readonly at: number;
}

export interface Watch {
  readonly now: number;
  /** Latest of each canary (through each broker node, from each replica), of each replica's flush and of the store. */
  readonly proofs: readonly Proof[];
  /** The clock of this process jumped since it last watched. */
  readonly clockStepped: boolean;
  /** Database or store failed this process since it last watched: that is why it comes late. */
  readonly outage: boolean;
  /** This process has not watched before. */
  readonly firstOfProcess: boolean;
  /** Agents that may all have to reconnect after an outage. */
  readonly agents: number;
  /** The store was told that the last pause is over. */
  readonly resumeTold: boolean;
}

/** How long agents may take to come back: 200 a second, between 5 s and 2 min. The same window is told to agents. */
export function reconnectWindowMs(agents: number): number {
  return Math.min(Math.max((agents / 200) * 1_000, 5_000), 120_000);
}

/** Counts the time since the last watch if all of it was seen, and pauses or resumes where that changed. */
export function watch(coverage: Coverage, seen: Watch): Coverage {
  const problem = findProblem(coverage, seen);
  const next = { ...coverage, lastWatchAt: seen.now };
  if (coverage.watching) return problem ? pause(next, problem, seen) : credit(next, seen);
  if (problem) return { ...next, goodSince: null, reason: coverage.reason ?? problem };
  const goodSince = coverage.goodSince ?? seen.now;
  if (seen.now - goodSince < reconnectWindowMs(seen.agents)) return { ...next, goodSince };
  return { ...next, watching: true, goodSince: null, provenUpTo: seen.now, resumedAt: seen.now };
}

function credit(coverage: Coverage, { now, proofs }: Watch): Coverage {
  const from = coverage.provenUpTo ?? now;
  const upTo = Math.max(from, Math.min(now, ...proofs.map(({ at }) => at)));
  return { ...coverage, coveredMs: coverage.coveredMs + (upTo - from), provenUpTo: upTo };
}

function pause(coverage: Coverage, reason: PauseReason, { now, resumeTold }: Watch): Coverage {
  const paused = { ...coverage, watching: false, goodSince: null, resumedAt: null };
  // Nobody was told that the pause before was over, so it was not.
  if (!resumeTold && coverage.pausedSince !== null) return paused;
  const pausedSince = Math.min(coverage.provenUpTo ?? now, now);
  return { ...paused, episode: coverage.episode + 1, pausedSince, reason };
}

function findProblem(coverage: Coverage, seen: Watch): PauseReason | null {
  return seen.clockStepped ? 'clock-step' : (findGap(coverage, seen) ?? findLateProof(seen));
}

function findGap({ lastWatchAt }: Coverage, seen: Watch): PauseReason | null {
  if (lastWatchAt === null) return null;
  const gap = seen.now - lastWatchAt;
  // Another replica's clock, or the one this time was written by, is ahead of ours.
  if (gap < -TOLERANCE_MS) return 'clock-step';
  if (gap <= TOLERANCE_MS) return null;
  if (seen.firstOfProcess) return 'starting';
  return seen.outage ? 'store-away' : 'sweep-gap';
}

function findLateProof({ now, proofs }: Watch): PauseReason | null {
  if (proofs.some(({ at }) => at - now > TOLERANCE_MS)) return 'clock-step';
  const late = new Set(proofs.filter(({ at }) => now - at > TOLERANCE_MS).map(({ of }) => of));
  if (late.has('store')) return 'store-away';
  if (late.has('flush')) return 'replica-stalled';
  const canaries = proofs.some(({ of }) => of === 'canary');
  return late.has('canary') || !canaries ? 'canary-late' : null;
}

/**
 * What `coveredMs` will be at the moment of a beat once that moment is proven. Never too little, so that no agent's
 * silence is overstated; too much by what then turns out not to be covered.
 */
export function coveredAt(
  coverage: Pick<Coverage, 'coveredMs' | 'provenUpTo' | 'watching'>,
  at: number,
): number {
  if (!coverage.watching || coverage.provenUpTo === null) return coverage.coveredMs;
  const ahead = Math.min(Math.max(at - coverage.provenUpTo, 0), MOST_UNPROVEN_MS);
  return coverage.coveredMs + ahead;
}
