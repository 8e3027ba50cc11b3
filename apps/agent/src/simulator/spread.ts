import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

export interface Spread<T> {
  readonly items: readonly T[];
  /** Of each item. */
  readonly times: number;
  readonly overMs: number;
}

const TICK_MS = 20;
/** Done at once before others get their turn: a few milliseconds of work. */
const SLICE = 200;

/**
 * Does something so many times for each item, evenly over the time, each item at a phase of its own so that they do
 * not all come in the same moment. `act` gets what is due: from this turn on, up to the one before `to`.
 */
export async function spread<T>(
  { items, times, overMs }: Spread<T>,
  act: (item: T, from: number, to: number) => void,
): Promise<void> {
  const done = items.map(() => 0);
  const began = performance.now();
  for (;;) {
    const share = overMs > 0 ? Math.min((performance.now() - began) / overMs, 1) : 1;
    let sliced = 0;
    for (const [index, item] of items.entries()) {
      const due = share >= 1 ? times : Math.floor(share * times + index / items.length);
      for (let from = done[index] ?? 0; from < due; from = done[index] ?? 0) {
        const to = Math.min(due, times, from + SLICE - sliced);
        if (to === from) break;
        act(item, from, to);
        done[index] = to;
        sliced += to - from;
        if (sliced < SLICE) continue;
        sliced = 0;
        await turn();
      }
    }
    if (share >= 1) return;
    await delay(TICK_MS);
  }
}
