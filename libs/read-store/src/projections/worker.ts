import type { EventStore, Position, RecordedEvent, SubscriptionItem } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { oneAhead } from './ahead.js';
import { commitStep } from './commit.js';
import type { Lease } from './lease.js';
import { park } from './park.js';
import { pause } from './pause.js';
import { codeOf, isPoison } from './poison.js';
import { tracedBatch } from './spans.js';

/** What a worker did, for metrics, alerts and tests that wait for it; never with contents. */
export type ProjectionStep =
  | {
      readonly kind: 'applied';
      readonly events: number;
      readonly position: Position;
      /** Of the newest event of the batch: how old it is now is the lag. `null` where only the checkpoint moved. */
      readonly recordedAt: string | null;
      /** What the transaction took. */
      readonly seconds: number;
    }
  | { readonly kind: 'retry'; readonly stream: string; readonly type: string; readonly code: string }
  /** An alert: this stream's rows stand still until `replayParked`. */
  | { readonly kind: 'parked'; readonly stream: string; readonly type: string; readonly code: string };

export interface WorkerOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projection: Projection;
  readonly lease: Lease;
  readonly position: Position | null;
  readonly signal: AbortSignal;
  readonly onStep: (step: ProjectionStep) => void;
  /** Events per transaction at most; 1,000 by default. */
  readonly batchSize?: number | undefined;
  /** Tries of a poison event before its stream is parked; 5 by default. */
  readonly tries?: number;
  /** After so many tries; 50, 150, 450 and 1,350 ms by default. */
  readonly pauseMs?: (tries: number) => number;
}

const TRIES = 5;
const pauseAfter = (tries: number): number => 50 * 3 ** (tries - 1);

/** Carries one projection forward from its checkpoint, one batch after the other, until the signal or until it is fenced. */
export class Worker {
  readonly #options: WorkerOptions;
  #position: Position | null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  async run(): Promise<void> {
    const { store, projection, signal, batchSize: bufferSize } = this.#options;
    const { filter, newestOf } = projection;
    const after = this.#position ?? undefined;
    const subscribe = (until: AbortSignal) =>
      store.subscribe({ after, filter, newestOf, signal: until, bufferSize });
    for await (const items of oneAhead(subscribe, { signal })) {
      if (signal.aborted) return;
      await this.#take(items);
    }
  }

  async #take(items: readonly SubscriptionItem[]): Promise<void> {
    const last = items.at(-1);
    if (last === undefined) return;
    const events = items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    await this.#carry(events, last.kind === 'event' ? last.event.position : last.upTo);
  }

  /** Where a batch fails by one of its events, halves of it are tried until that one stands alone. */
  async #carry(events: readonly RecordedEvent[], to: Position): Promise<void> {
    try {
      await this.#commit(events, to);
    } catch (error) {
      const [event] = events;
      if (!event || !isPoison(error)) throw error;
      if (events.length === 1) return this.#insist(event, to, error);
      const first = events.slice(0, Math.ceil(events.length / 2));
      const half = (first.at(-1) as RecordedEvent).position;
      await this.#carry(first, half);
      // The signal may have ended it before that; what comes after it must not be committed over it.
      if (this.#position === half) await this.#carry(events.slice(first.length), to);
    }
  }

  /** The first try was that of the batch. Stays where it was, with nothing parked, where the signal ends it. */
  async #insist(event: RecordedEvent, to: Position, cause: unknown): Promise<void> {
    const { tries = TRIES, pauseMs = pauseAfter, onStep, signal } = this.#options;
    const { stream, type } = event;
    let error = cause;
    for (let tried = 1; tried < tries; tried += 1) {
      await pause(pauseMs(tried), signal);
      if (signal.aborted) return;
      onStep({ kind: 'retry', stream, type, code: codeOf(error) });
      try {
        return await this.#commit([event], to);
      } catch (again) {
        if (!isPoison(again)) throw again;
        error = again;
      }
    }
    await this.#park(event, to, codeOf(error));
  }

  async #commit(events: readonly RecordedEvent[], to: Position): Promise<void> {
    const { sql, projection, lease, onStep } = this.#options;
    const began = performance.now();
    const step = { events, from: this.#position, to };
    const applied = await tracedBatch(projection.name, events, () =>
      commitStep(sql, projection, lease, step),
    );
    this.#position = to;
    const recordedAt = events.at(-1)?.recordedAt ?? null;
    const seconds = (performance.now() - began) / 1_000;
    onStep({ kind: 'applied', events: applied, position: to, recordedAt, seconds });
  }

  async #park(event: RecordedEvent, to: Position, code: string): Promise<void> {
    const { sql, projection, lease, onStep, tries = TRIES } = this.#options;
    const step = { events: [event], from: this.#position, to };
    await park(sql, projection, lease, { step, event, code, tries });
    this.#position = to;
    onStep({ kind: 'parked', stream: event.stream, type: event.type, code });
  }
}
