import { setTimeout as delay } from 'node:timers/promises';
import { isKeyfleetError } from '@keyfleet/kernel';
import type { AppendResult, ExpectedRevision, NewEvent } from '../port.js';
import { event } from './fixture.contract.js';
import type { Lawful } from './lawful.contract.js';

export interface Writers {
  /** Taken in turn by the writers, as several processes would be. */
  readonly stores: readonly Lawful[];
  readonly writers: number;
  readonly appendsEach: number;
}

/** An event whose append was answered with success, and whether the store's newest position was then at or after it. */
export interface Acknowledged {
  readonly id: string;
  readonly seen: boolean;
}

const CEILING_MS = 20_000;

/** Each writer appends to a stream of its own, and every fourth time to one that all share; some expect wrongly on purpose. */
export async function write({ stores, writers, appendsEach }: Writers): Promise<Acknowledged[]> {
  const all = Array.from({ length: writers }, (_, n) => {
    const store = stores[n % stores.length] as Lawful;
    return writeOne(store, n, appendsEach);
  });
  return (await Promise.all(all)).flat();
}

async function writeOne(store: Lawful, writer: number, appendsEach: number): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  let revision: ExpectedRevision = 'no-stream';
  for (let n = 0; n < appendsEach; n++) {
    const events = Array.from({ length: 1 + ((writer + n) % 4) }, (_, i) => event(i % 2 ? 'Odd' : 'Even'));
    const shared = n % 4 === 3;
    const result = shared
      ? await appendShared(store, events)
      : await insist(() => store.append(`law-${writer}`, revision, events));
    if (result.outcome === 'conflict') throw new Error('A writer alone in its stream met a conflict.');
    if (!shared) revision = result.revision;
    if (n % 5 === 0) await insist(() => store.append(`law-${writer}`, 'no-stream', [event('Never')]));
    const head = await insist(() => store.headPosition());
    const seen = store.comparePositions(head, result.position) >= 0;
    acknowledged.push(...events.map(({ id }) => ({ id, seen })));
  }
  return acknowledged;
}

/** Reads the revision and appends until nobody was quicker. */
async function appendShared(store: Lawful, events: readonly NewEvent[]): Promise<AppendResult> {
  for (;;) {
    const revision = await insist(() => store.streamRevision('law-shared'));
    const result = await insist(() => store.append('law-shared', revision ?? 'no-stream', events));
    if (result.outcome === 'appended') return result;
  }
}

/** An unknown outcome is answered by sending the same again, for as long as any outage here can last. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  for (const ceiling = performance.now() + CEILING_MS; ; await delay(2)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isKeyfleetError(error, 'store.unavailable') || performance.now() > ceiling) throw error;
    }
  }
}
