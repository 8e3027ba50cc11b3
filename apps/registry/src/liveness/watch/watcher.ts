import type { EventStore } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import {
  type Coverage,
  type Proof,
  TOLERANCE_MS,
  WATCH_INTERVAL_MS,
  watch,
} from '@keyfleet/registry/liveness';
import type { Canaries } from './canary.js';
import { type Detection, readDetection, saveCoverage } from './detection.js';
import { findSilentReplicas, readProofs, retireReplica } from './replicas.js';

export interface WatcherOptions {
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'headPosition'>;
  readonly clock: Clock;
  readonly installationId: string;
  readonly replicaId: string;
  readonly canaries: Pick<Canaries, 'isGone'>;
  /** Told in the transaction in which detection begins to pause or resumes. */
  readonly onChange: (tx: Executor) => Promise<void>;
}

export interface Look {
  readonly detection: Detection;
  /** Whether it was this replica that counted; otherwise another one did within the interval. */
  readonly ours: boolean;
}

/** Wall clock and monotonic clock may differ by this much more than at the last look. */
const CLOCK_STEP_MS = 30_000;
const STORE_ANSWER_MS = 3_000;
/** A replica this quiet is asked for before it counts as stalled. */
const ASK_AFTER_MS = 7_000;
/** Replicas take turns by whoever comes first after an interval; timers are not exact. */
const TURN_MS = WATCH_INTERVAL_MS - 500;

/**
 * Counts covered time, in whichever replica comes first: there is no leader to be killed. A replica that misses its
 * turn is not missed, because the next one's look is within the tolerance.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  #looked: { readonly wall: number; readonly monotonic: number } | undefined;
  #storeAnsweredAt = 0;
  #clockStepped = false;
  #outage = false;
  #first = true;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Rejects where the database does not answer; the next look tells why there was a gap. */
  async look(): Promise<Look> {
    this.#checkClock();
    try {
      await this.#askStore();
      await this.#retireGone();
      return await this.#watch();
    } catch (error) {
      this.#outage = true;
      throw error;
    }
  }

  #checkClock(): void {
    const { clock } = this.#options;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    const before = this.#looked ?? now;
    const step = now.wall - before.wall - (now.monotonic - before.monotonic);
    if (Math.abs(step) > CLOCK_STEP_MS) this.#clockStepped = true;
    this.#looked = now;
  }

  async #askStore(): Promise<void> {
    const { store, clock } = this.#options;
    const askedAt = clock.now();
    if (await answers(store.headPosition())) this.#storeAnsweredAt = askedAt;
    else this.#outage = true;
  }

  async #retireGone(): Promise<void> {
    const { sql, replicaId, clock, canaries } = this.#options;
    const silent = await findSilentReplicas(sql, replicaId, clock.now() - ASK_AFTER_MS);
    for (const replica of silent)
      if (await canaries.isGone(replica.replicaId)) await retireReplica(sql, replica);
  }

  async #watch(): Promise<Look> {
    const { sql, installationId, onChange } = this.#options;
    const look = await transaction(sql, async (tx) => {
      const locked = await readDetection(tx, installationId, true);
      if (!locked || !this.#isOurTurn(locked.coverage)) {
        const detection = locked ?? (await readDetection(tx, installationId));
        if (!detection) throw new Error('The row of this installation is gone from registry.detection.');
        return { detection, ours: false };
      }
      const coverage = watch(locked.coverage, await this.#see(tx, locked));
      await saveCoverage(tx, installationId, coverage);
      if (coverage.watching !== locked.coverage.watching) await onChange(tx);
      return { detection: { ...locked, coverage }, ours: true };
    });
    if (look.ours) this.#clockStepped = false;
    this.#outage = false;
    this.#first = false;
    return look;
  }

  /** A step of our own clock cannot be left to a replica that did not see it. */
  #isOurTurn({ lastWatchAt }: Coverage): boolean {
    if (lastWatchAt === null || this.#clockStepped) return true;
    const since = this.#options.clock.now() - lastWatchAt;
    return since >= TURN_MS || since < -TOLERANCE_MS;
  }

  async #see(tx: Executor, detection: Detection): Promise<Parameters<typeof watch>[1]> {
    const store: Proof = { of: 'store', at: this.#storeAnsweredAt };
    const proofs = await readProofs(tx);
    return {
      now: this.#options.clock.now(),
      proofs: [...proofs, store],
      clockStepped: this.#clockStepped,
      outage: this.#outage,
      firstOfProcess: this.#first,
      // Counted only when it matters: how long agents may take to come back.
      agents: detection.coverage.watching ? 0 : await countAgents(tx),
      resumeTold: detection.announcedResume >= detection.coverage.episode,
    };
  }
}

async function countAgents(tx: Executor): Promise<number> {
  const [row] = await tx<{ agents: number }[]>`
    select count(*)::int as agents from registry.agent_last_seen where state <> 'revoked'`;
  return row?.agents ?? 0;
}

async function answers(question: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), STORE_ANSWER_MS);
  });
  const answered = question.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
