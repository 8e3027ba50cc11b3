import type { Clock } from '@keyfleet/kernel';
import { postgresFailure, type Sql } from '@keyfleet/postgres';
import { type Coverage, NEVER_WATCHED } from '@keyfleet/registry/liveness';
import type { LivenessMetrics } from '../metrics.js';
import type { Canaries } from '../watch/canary.js';
import { readDetection } from '../watch/detection.js';
import { joinReplicas, type Registration, recordFlush } from '../watch/replicas.js';
import type { Beat } from './beat.js';
import { BeatBuffer } from './buffer.js';
import type { EnrolledAgents } from './enrolled.js';
import { examineBeats } from './examine.js';
import { writeBeats } from './write.js';

export interface FlusherOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly installationId: string;
  readonly me: Registration;
  readonly canaries: Pick<Canaries, 'take' | 'putBack'>;
  readonly enrolled: EnrolledAgents;
  readonly metrics: LivenessMetrics;
}

const AT_ONCE = 20_000;
const TRIES = 5;

/** What one flush wrote. */
export interface Flushed {
  readonly agents: number;
  /** Agents whose streams now lack a fact. */
  readonly due: readonly string[];
}

/** Writes what came since the last flush, and that this replica is here to do it. */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #buffer = new BeatBuffer();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#buffer.size;
  }

  add(beat: Beat): void {
    if (!this.#buffer.add(beat)) this.#options.metrics.beats('stale', 1);
  }

  /** One at a time. What could not be written waits for the next flush; then this rejects. */
  flush(): Promise<Flushed> {
    const next = this.#last.then(() => this.#flush());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #flush(): Promise<Flushed> {
    const { sql, canaries, clock, me, metrics } = this.#options;
    const groups = this.#buffer.take();
    const receipts = canaries.take();
    const [now, began] = [clock.now(), performance.now()];
    try {
      const due = await this.#write(groups);
      // Last, because it says that everything received until `now` is written.
      if (!(await recordFlush(sql, me.replicaId, now, receipts))) await joinReplicas(sql, me, now);
      if (groups.length > 0) metrics.flushed((performance.now() - began) / 1_000);
      return { agents: groups.length, due };
    } catch (error) {
      this.#buffer.putBack(groups);
      canaries.putBack(receipts);
      throw error;
    }
  }

  async #write(groups: readonly (readonly Beat[])[]): Promise<readonly string[]> {
    if (groups.length === 0) return [];
    const { sql, installationId, enrolled, metrics } = this.#options;
    const detection = await readDetection(sql, installationId);
    const coverage = detection?.coverage ?? NEVER_WATCHED;
    const [plain, mixed] = split(groups);
    const missed: (readonly Beat[])[] = [...mixed];
    for (let from = 0; from < plain.length; from += AT_ONCE)
      missed.push(...(await this.#writePlain(plain.slice(from, from + AT_ONCE), coverage)));
    if (missed.length === 0) return [];
    return again(() => examineBeats(missed, { sql, enrolled, coverage, count: metrics.beats }));
  }

  async #writePlain(beats: readonly Beat[], coverage: Coverage): Promise<readonly (readonly Beat[])[]> {
    const missed = await again(() => writeBeats(this.#options.sql, beats, coverage));
    this.#options.metrics.beats('taken', beats.length - missed.length);
    return missed.map((beat) => [beat]);
  }
}

function split(groups: readonly (readonly Beat[])[]): [Beat[], (readonly Beat[])[]] {
  const plain: Beat[] = [];
  const mixed: (readonly Beat[])[] = [];
  for (const beats of groups) {
    if (beats.length === 1) plain.push(beats[0] as Beat);
    else mixed.push(beats);
  }
  return [plain, mixed];
}

/** Two replicas that write rows of the same agents may stand in each other's way; one of them simply tries again. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES || postgresFailure(error) !== 'conflict') throw error;
    }
  }
}
