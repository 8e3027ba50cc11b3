import type { AppendResult, EventStore, StreamAppend } from '@keyfleet/event-store';
import { isKeyfleetError } from '@keyfleet/kernel';

interface Waiting {
  readonly append: StreamAppend;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Enough for the store to be busy, few enough that a group commits in milliseconds. */
const MAX_EVENTS = 2_000;
/** While one group waits for its commit the next is being sent. */
const LANES = 2;

/** Puts what many agents sent meanwhile into one append; nobody waits for a group to fill. */
export class Appender {
  readonly #store: EventStore;
  #waiting: Waiting[] = [];
  #lanes = 0;

  constructor(store: EventStore) {
    this.#store = store;
  }

  append(append: StreamAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#lanes < LANES && this.#waiting.length > 0) {
      const group = this.#takeGroup();
      this.#lanes += 1;
      void this.#commit(group).finally(() => {
        this.#lanes -= 1;
        this.#pump();
      });
    }
  }

  /** A stream may stand in a group once; a second append to it waits for the next. */
  #takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    const streams = new Set<string>();
    let events = 0;
    for (const waiting of this.#waiting) {
      const { stream, events: added } = waiting.append;
      if (streams.has(stream) || (group.length > 0 && events + added.length > MAX_EVENTS)) {
        rest.push(waiting);
        continue;
      }
      streams.add(stream);
      events += added.length;
      group.push(waiting);
    }
    this.#waiting = rest;
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#store.appendBatch(group.map(({ append }) => append));
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as AppendResult);
    } catch (error) {
      // Something in one of them that the store cannot take must not hold up the others.
      if (group.length > 1 && !isKeyfleetError(error, 'store.unavailable'))
        for (const waiting of group) await this.#commit([waiting]);
      else for (const { reject } of group) reject(error);
    }
  }
}
