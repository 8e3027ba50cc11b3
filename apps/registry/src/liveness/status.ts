import { type Clock, toTimestamp } from '@keyfleet/kernel';
import type { Logger } from '@keyfleet/platform';
import {
  type Coverage,
  type PauseReason,
  TOLERANCE_MS,
  WATCH_INTERVAL_MS,
} from '@keyfleet/registry/liveness';
import type { DetectionReading, LivenessMetrics } from './metrics.js';

export interface StatusOptions {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: LivenessMetrics;
}

/** What this process can say about detection, also while database and store are away. */
export class DetectionStatus {
  readonly #options: StatusOptions;
  #coverage: Coverage | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  #told: boolean | undefined;

  constructor(options: StatusOptions) {
    this.#options = options;
    options.metrics.detection(() => this.reading());
  }

  reading(): DetectionReading {
    const { covered } = this;
    const coveredSeconds = (this.#coverage?.coveredMs ?? 0) / 1_000;
    return { covered, coveredSeconds, reason: covered ? null : this.#reason() };
  }

  looked(coverage: Coverage): void {
    this.#coverage = coverage;
    this.#lookedAt = this.#options.clock.monotonic();
    this.#failed = false;
    this.#tell();
  }

  failed(): void {
    this.#failed = true;
    this.#tell();
  }

  get covered(): boolean {
    const fresh = this.#options.clock.monotonic() - this.#lookedAt <= TOLERANCE_MS + WATCH_INTERVAL_MS;
    return fresh && !this.#failed && (this.#coverage?.watching ?? false);
  }

  /** For `/readyz`: why silence would not be noticed now. */
  problem(): string | undefined {
    if (this.covered) return undefined;
    if (this.#failed) return 'blind: the database does not answer';
    if (!this.#coverage) return 'blind: no look yet';
    const { reason, pausedSince, goodSince } = this.#coverage;
    const since = pausedSince === null ? '' : ` since ${toTimestamp(pausedSince)}`;
    return `blind${since}: ${reason ?? 'no look for too long'}${goodSince === null ? '' : ', resuming'}`;
  }

  #reason(): PauseReason {
    if (this.#failed) return 'store-away';
    if (!this.#coverage) return 'starting';
    // What the row says was true when it was read; since then nobody here could look.
    return this.#coverage.watching ? 'sweep-gap' : (this.#coverage.reason ?? 'sweep-gap');
  }

  #tell(): void {
    const { logger } = this.#options;
    const covered = this.covered;
    if (this.#told === covered) return;
    if (covered) logger.info('Detection is covered: silence of agents would be noticed');
    // The first seconds of a process are no news.
    else if (this.#told)
      logger.error({ reason: this.problem() }, 'Detection is blind: agents are shown as unknown');
    this.#told = covered;
  }
}
