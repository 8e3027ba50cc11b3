import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, Position, RecordedEvent, SubscribeOptions, SubscriptionItem } from '../port.js';

/** Far beyond what any step takes; reached only by a test that fails. */
const CEILING_MS = 20_000;

/** A subscriber that takes what it is given, and can be asked what it has. */
export class Collector {
  readonly items: SubscriptionItem[] = [];
  readonly batches: (readonly SubscriptionItem[])[] = [];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #changed: () => void = () => {};

  constructor(store: Pick<EventStore, 'subscribe'>, options: Omit<SubscribeOptions, 'signal'> = {}) {
    this.#done = this.#run(store.subscribe({ ...options, signal: this.#abort.signal }));
  }

  async #run(subscription: AsyncIterable<readonly SubscriptionItem[]>): Promise<void> {
    for await (const batch of subscription) {
      this.batches.push(batch);
      this.items.push(...batch);
      this.#changed();
    }
  }

  get events(): RecordedEvent[] {
    return this.items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
  }

  /** How far it was led: by an event or by a mark. */
  get upTo(): Position | undefined {
    const last = this.items.at(-1);
    return last?.kind === 'mark' ? last.upTo : last?.event.position;
  }

  /** Resolves when it has what the predicate wants; rejects at the ceiling. */
  async until(predicate: (collector: this) => boolean): Promise<this> {
    const ceiling = performance.now() + CEILING_MS;
    while (!predicate(this)) {
      if (performance.now() > ceiling) throw new Error('The subscriber never got there.');
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#changed = resolve;
        }),
        delay(50),
      ]);
    }
    return this;
  }

  untilEvents(count: number): Promise<this> {
    return this.until(({ events }) => events.length >= count);
  }

  /** When the iteration is over by itself; rejects with what it ended with. */
  ended(): Promise<void> {
    return this.#done;
  }

  /** Ends by its signal; resolves when the iteration is over. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }
}
