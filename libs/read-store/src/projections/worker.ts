import type { EventStore, Position, RecordedEvent, SubscriptionItem } from '@keyfleet/event-store';
import { postgresFailure, type Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { commitStep, FencedError } from './commit.js';
import type { Lease } from './lease.js';
import { park } from './park.js';

export type ProjectionStep =
  | {
      readonly kind: 'applied';
      readonly events: number;
      readonly position: Position;
      readonly recordedAt: string | null;
    }
  | { readonly kind: 'retry'; readonly event: RecordedEvent; readonly attempt: number }
  | { readonly kind: 'parked'; readonly event: RecordedEvent };

export interface WorkerOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projection: Projection;
  readonly lease: Lease;
  readonly position: Position | null;
  readonly announce: () => boolean;
  readonly signal: AbortSignal;
  readonly onStep: (step: ProjectionStep) => void;
  /** Tries of a poison event before its stream is parked; 5 by default. */
  readonly tries?: number;
  readonly pauseMs?: (attempt: number) => number;
}

const TRIES = 5;
/** A mark alone moves the checkpoint at most this often; events always do. */
const MARK_EVERY_MS = 100;

/** Carries one projection forward from its checkpoint, one batch after the other, until the signal or until it is fenced. */
export class Worker {
  readonly #options: WorkerOptions;
  #position: Position | null;
  #markedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  get position(): Position | null {
    return this.#position;
  }

  async run(onBatch?: () => Promise<void>): Promise<void> {
    const { store, projection, signal } = this.#options;
    const after = this.#position === null ? {} : { after: this.#position };
    for await (const items of store.subscribe({ ...after, filter: projection.filter, signal })) {
      await this.#take(items);
      await onBatch?.();
    }
  }

  async #take(items: readonly SubscriptionItem[]): Promise<void> {
    const events = items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    const last = items.at(-1);
    if (last === undefined) return;
    const to = last.kind === 'event' ? last.event.position : last.upTo;
    if (events.length === 0 && (to === this.#position || performance.now() - this.#markedAt < MARK_EVERY_MS))
      return;
    this.#markedAt = performance.now();
    try {
      await this.#commit(events, to);
    } catch (error) {
      if (!isPoison(error) || events.length === 0) throw error;
      await this.#oneByOne(events);
      if (to !== this.#position) await this.#commit([], to);
    }
  }

  async #commit(events: readonly RecordedEvent[], to: Position): Promise<void> {
    const { sql, projection, lease, announce, onStep } = this.#options;
    const applied = await commitStep(sql, projection, lease, {
      events,
      from: this.#position,
      to,
      announce: announce(),
    });
    this.#position = to;
    onStep({ kind: 'applied', events: applied, position: to, recordedAt: events.at(-1)?.recordedAt ?? null });
  }

  /** A batch failed: find the event that will not do, and let the others pass. */
  async #oneByOne(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) await this.#stubbornly(event);
  }

  async #stubbornly(event: RecordedEvent): Promise<void> {
    const { onStep, tries = TRIES } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#commit([event], event.position);
      } catch (error) {
        if (!isPoison(error)) throw error;
        if (attempt >= tries) return this.#park(event, error, attempt);
        onStep({ kind: 'retry', event, attempt });
        await pause((this.#options.pauseMs ?? backoff)(attempt), this.#options.signal);
      }
    }
  }

  async #park(event: RecordedEvent, error: unknown, tries: number): Promise<void> {
    const { sql, projection, lease, onStep } = this.#options;
    const step = { events: [event], from: this.#position, to: event.position, announce: false };
    await park(sql, projection, lease, { step, event, error, tries });
    this.#position = event.position;
    onStep({ kind: 'parked', event });
  }
}

/** The event's fault, not the database's and not that of being fenced. */
function isPoison(error: unknown): boolean {
  if (error instanceof FencedError) return false;
  const failure = postgresFailure(error);
  return failure === null ? !isUnavailable(error) : failure === 'data' || failure === 'other';
}

function isUnavailable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'store.unavailable';
}

const backoff = (attempt: number): number => 50 * 4 ** (attempt - 1);

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
