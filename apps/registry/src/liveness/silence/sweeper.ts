import type { EventStore } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import type { LivenessMetrics } from '../metrics.js';
import type { FactMaker } from '../store-facts.js';
import type { Detection } from '../watch/detection.js';
import { settleAgentFacts } from './agent-facts.js';
import { adoptEnrolled, claimSilent } from './claim.js';
import { settleFleets } from './fleet.js';
import { settleTransitions } from './settle.js';

export interface SweeperOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly clock: Clock;
  readonly facts: FactMaker;
  readonly metrics: LivenessMetrics;
  readonly failpoint: (name: string) => Promise<void>;
}

const ADOPT_EVERY_MS = 30_000;

/** What one sweep found. */
export interface Swept {
  readonly silent: number;
  readonly recorded: number;
}

/**
 * Finds silent agents in covered time and records what the streams lack. All it knows is in rows, so it may die
 * anywhere, and any number of them may run: the rows are claimed once, and each fact is one event.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #adoptedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  async sweep({ coverage }: Detection): Promise<Swept> {
    const { sql, metrics, failpoint } = this.#options;
    const began = performance.now();
    let silent = 0;
    if (coverage.watching) {
      await this.#adopt(coverage.coveredMs);
      silent = await claimSilent(sql, coverage.coveredMs);
      if (silent > 0) await failpoint('liveness.after-claim');
    }
    const recorded = await this.settle();
    if (coverage.watching) await settleFleets(coverage.coveredMs, this.#agentFacts());
    metrics.swept((performance.now() - began) / 1_000);
    return { silent, recorded };
  }

  /** Records what is due, of these agents or of all. */
  async settle(agentIds?: readonly string[]): Promise<number> {
    const { sql, store, facts, metrics, failpoint } = this.#options;
    const recorded = await settleTransitions(
      { sql, store, facts, recorded: metrics.recorded, failpoint },
      agentIds,
    );
    await settleAgentFacts(this.#agentFacts(), agentIds);
    return recorded;
  }

  #agentFacts() {
    const { sql, store, facts, metrics } = this.#options;
    return { sql, store, facts, recorded: metrics.recorded };
  }

  async #adopt(coveredMs: number): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#adoptedAt < ADOPT_EVERY_MS) return;
    await adoptEnrolled(this.#options.sql, coveredMs);
    this.#adoptedAt = now;
  }
}
