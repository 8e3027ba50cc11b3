import { setTimeout as delay } from 'node:timers/promises';
import { Judge, type Verdict } from './judge.js';
import { NaiveStore } from './naive-store.js';
import { PLANS, Readers } from './readers.js';
import { Ledger, Writers } from './writers.js';

export interface NaiveOptions {
  /** Of an empty database, as its owner. */
  readonly url: string;
  readonly appends: number;
  readonly random: () => number;
}

/** Long after every commit: what was not seen by then never will be. */
const SETTLE_MS = 1_000;

/** The same writers, readers and judge over the store that reads by sequence; a proof that finds nothing here proves nothing. */
export async function judgeNaive({ url, appends, random }: NaiveOptions): Promise<Verdict> {
  await NaiveStore.create(url);
  const ledger = new Ledger();
  const readers = new Readers('naive', 1);
  const writers = new Writers(ledger, {
    ...{ driver: 'naive', url, random },
    ...{ processes: 2, writersEach: 8, depth: 1 },
  });
  const store = new NaiveStore(url);
  try {
    readers.follow(url);
    readers.startLate(0);
    for (; ledger.appends < appends; await delay(20)) writers.check();
    await writers.stop();
    await delay(SETTLE_MS);
    return await new Judge(ledger, PLANS, await readers.whole()).judge(store);
  } finally {
    await Promise.all([writers.end(), readers.end(), store.close()]);
  }
}
