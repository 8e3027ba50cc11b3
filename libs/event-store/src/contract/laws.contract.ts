import { setTimeout as delay } from 'node:timers/promises';
import type { Position, RecordedEvent } from '../port.js';
import { Collector } from './collect.contract.js';
import { everything } from './fixture.contract.js';
import type { Lawful } from './lawful.contract.js';
import { type Acknowledged, type Writers, write } from './writers.contract.js';

export interface LawsOptions extends Writers {
  /** Positions of this store count from 1 without a hole. */
  readonly dense: boolean;
}

export type Law =
  | 'missed' // committed, but a reader that had passed by never saw it
  | 'unordered' // seen twice, or after a later one
  | 'lost' // acknowledged, but not there
  | 'doubled' // there twice
  | 'unseen' // acknowledged, but the newest position is before it
  | 'hole' // a revision, or a position of a dense store, is missing
  | 'backwards' // recordedAt falls as position grows
  | 'stalled'; // a reader never got to the end

export interface Violation {
  readonly law: Law;
  readonly who: string;
  readonly count: number;
}

const CEILING_MS = 30_000;

/** Writers, a page reader and subscribers at once; the answer is every law of reading that did not hold. */
export async function violationsUnderLoad(options: LawsOptions): Promise<Violation[]> {
  const store = options.stores[0] as Lawful;
  const everyType = new Collector(store, { bufferSize: 50 });
  const oneType = new Collector(options.stores.at(-1) as Lawful, { filter: { types: ['Even'] } });
  const pages = new PageReader(store);
  const acknowledged = await write(options);
  const head = await store.headPosition();
  const stalled = await reachAll(store, head, [everyType, oneType, pages]);
  await Promise.all([everyType.stop(), oneType.stop(), pages.stop()]);
  const truth = await everything(store);
  const readers: [string, readonly RecordedEvent[], readonly RecordedEvent[]][] = [
    ['subscriber', everyType.events, truth],
    ['filtered subscriber', oneType.events, truth.filter(({ type }) => type === 'Even')],
    ['page reader', pages.events, truth],
  ];
  const found = [
    ...readers.flatMap(([who, seen, wanted]) => [
      { law: 'missed' as const, who, count: missing(wanted, seen) },
      { law: 'unordered' as const, who, count: disorder(store, seen) },
    ]),
    ...lawsOfTheLog(truth, acknowledged, options),
    { law: 'stalled' as const, who: 'readers', count: stalled },
  ];
  return found.filter(({ count }) => count > 0);
}

function lawsOfTheLog(
  truth: readonly RecordedEvent[],
  acknowledged: readonly Acknowledged[],
  { dense }: LawsOptions,
): Violation[] {
  const who = 'store';
  const ids = new Set(truth.map(({ id }) => id));
  return [
    { law: 'lost', who, count: acknowledged.filter(({ id }) => !ids.has(id)).length },
    { law: 'unseen', who, count: acknowledged.filter(({ seen }) => !seen).length },
    { law: 'doubled', who, count: truth.length - ids.size },
    { law: 'hole', who, count: revisionHoles(truth) + (dense ? positionHoles(truth) : 0) },
    {
      law: 'backwards',
      who,
      count: pairs(truth).filter(([a, b]) => a.recordedAt > b.recordedAt).length,
    },
  ];
}

function missing(wanted: readonly RecordedEvent[], seen: readonly RecordedEvent[]): number {
  const ids = new Set(seen.map(({ id }) => id));
  return wanted.filter(({ id }) => !ids.has(id)).length;
}

function disorder(store: Lawful, seen: readonly RecordedEvent[]): number {
  return pairs(seen).filter(([a, b]) => store.comparePositions(a.position, b.position) !== -1).length;
}

function revisionHoles(truth: readonly RecordedEvent[]): number {
  const next = new Map<string, bigint>();
  let holes = 0;
  for (const { stream, revision } of truth) {
    if (revision !== (next.get(stream) ?? 0n)) holes += 1;
    next.set(stream, revision + 1n);
  }
  return holes;
}

function positionHoles(truth: readonly RecordedEvent[]): number {
  return truth.filter(({ position }, index) => position !== String(index + 1)).length;
}

function pairs<T>(list: readonly T[]): [T, T][] {
  return list.slice(1).map((item, index) => [list[index] as T, item]);
}

interface Reader {
  readonly upTo: Position | undefined;
}

async function reachAll(store: Lawful, head: Position, readers: readonly Reader[]): Promise<number> {
  const behind = (): number =>
    readers.filter(({ upTo }) => upTo === undefined || store.comparePositions(upTo, head) < 0).length;
  for (const ceiling = performance.now() + CEILING_MS; behind() > 0 && performance.now() < ceiling; )
    await delay(5);
  return behind();
}

/** Reads page after page, as a rebuild does, from when it is made until it is stopped. */
class PageReader {
  readonly events: RecordedEvent[] = [];
  upTo: Position | undefined;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(store: Lawful) {
    this.#done = this.#run(store);
  }

  async #run(store: Lawful): Promise<void> {
    while (!this.#stopped) {
      const page = await store.readAll({ after: this.upTo, limit: 40 }).catch(() => undefined);
      if (page) {
        this.events.push(...page.events);
        this.upTo = page.upTo;
      }
      await delay(1);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}
