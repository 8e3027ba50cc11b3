import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { Cluster } from './cluster.js';
import { Disturber } from './disturber.js';
import { HeldTransactions } from './hold.js';
import { isClean, Judge, type Verdict } from './judge.js';
import { PLANS, Readers } from './readers.js';
import { Ledger, Writers } from './writers.js';

export interface OrderOptions {
  /** An empty folder for both clusters. */
  readonly directory: string;
  readonly appends: number;
  readonly kills: number;
  /** How long the snapshot and the foreign transaction stay open. */
  readonly holdMs: number;
  /** At full speed before the hold, at its begin and at its end. */
  readonly windowMs: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface OrderResult extends Verdict {
  readonly held: boolean;
  readonly [figure: string]: unknown;
}

const PROCESSES = 4;
const WRITERS_EACH = 4;
const DEPTH = 8;
/** No reader may stand still longer while appends go on. */
const STANDSTILL_MS = 10_000;
const SHARES = { disturbed: 0.5, restored: 0.1 };

/** Appends under disturbance, beside open transactions, and in a copy made by dump and restore; then judges what all saw. */
export async function proveOrder(options: OrderOptions): Promise<OrderResult> {
  const cluster = await Cluster.start(join(options.directory, 'first'));
  await cluster.migrate();
  const readers = new Readers('postgres', Math.floor(options.random() * 2 ** 32));
  const proof = new OrderProof({ ...options, cluster, readers });
  try {
    return await proof.run();
  } finally {
    await proof.end();
  }
}

interface Parts extends OrderOptions {
  readonly cluster: Cluster;
  readonly readers: Readers;
}

class OrderProof {
  readonly #parts: Parts;
  readonly #ledger = new Ledger();
  readonly #figures: Record<string, unknown> = {};
  readonly #clusters: Cluster[];
  #writers: Writers;
  #stalled = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#clusters = [parts.cluster];
    this.#writers = this.#writersOf(parts.cluster);
  }

  #writersOf({ storeUrl: url }: Cluster): Writers {
    const { random } = this.#parts;
    return new Writers(this.#ledger, {
      ...{ driver: 'postgres', url, random },
      ...{ processes: PROCESSES, writersEach: WRITERS_EACH, depth: DEPTH },
    });
  }

  async run(): Promise<OrderResult> {
    const { readers, cluster, directory, say, appends } = this.#parts;
    readers.follow(cluster.storeUrl);
    await this.#disturbed();
    const holdLasted = await this.#besideOpenTransactions();
    await this.#writers.stop();
    await this.#reached(cluster);
    const copy = await Cluster.start(join(directory, 'second'));
    this.#clusters.push(copy);
    const started = performance.now();
    await cluster.copyTo(copy, directory);
    this.#figures.dumpAndRestoreSeconds = Math.round((performance.now() - started) / 1_000);
    await cluster.stop();
    say(`dumped and restored ${this.#ledger.appends} appends in ${this.#figures.dumpAndRestoreSeconds} s`);
    readers.follow(copy.storeUrl);
    this.#writers = this.#writersOf(copy);
    await this.#until(Math.max(appends, this.#ledger.appends + appends * SHARES.restored));
    await this.#writers.stop();
    const head = await this.#reached(copy);
    say(`all readers are at ${head}; comparing`);
    const verdict = await this.#judge(copy);
    const { conflicts, undone, kills } = this.#ledger;
    const refused = conflicts + undone + Number(this.#figures.rolledBackBesides);
    return {
      held: isClean(verdict) && this.#stalled === 0 && holdLasted && this.#ledger.appends >= appends,
      ...verdict,
      ...{ appends: this.#ledger.appends, events: head, writers: PROCESSES * WRITERS_EACH },
      ...{ conflicts, undone, kills, stalled: this.#stalled },
      rolledBackShare: Math.round((refused / (refused + this.#ledger.appends)) * 1_000) / 1_000,
      ...this.#figures,
    };
  }

  /** Conflicts, cancelled and ended sessions, slow rollbacks, killed processes. */
  async #disturbed(): Promise<void> {
    const { appends, kills, cluster, readers, random, say } = this.#parts;
    const disturber = new Disturber({
      ...{ superuserUrl: cluster.superuserUrl, storeUrl: cluster.storeUrl, random },
    });
    const goal = appends * SHARES.disturbed;
    const started = performance.now();
    for (let kill = 1; kill <= kills; kill += 1) {
      await this.#until((goal * kill) / (kills + 1));
      await this.#writers.kill();
      if (kill === Math.ceil(kills / 2)) readers.startLate(readers.follower?.position ?? 0);
    }
    await this.#until(goal);
    await disturber.stop();
    const rate = Math.round(this.#ledger.appends / ((performance.now() - started) / 1_000));
    this.#figures.perSecondDisturbed = rate;
    this.#figures.cancelled = disturber.cancelled;
    this.#figures.rolledBackBesides = disturber.rolledBack;
    say(`disturbed: ${this.#ledger.appends} appends, ${rate}/s, ${kills} processes killed`);
  }

  /** At full speed before, at the begin and at the end; between them only so fast that the number of appends comes out. */
  async #besideOpenTransactions(): Promise<boolean> {
    const { cluster, holdMs, windowMs, appends, say, readers } = this.#parts;
    const before = await this.#rate(windowMs);
    const held = await HeldTransactions.open(cluster.superuserUrl, await cluster.anotherDatabase('foreign'));
    let standstillMs = 0;
    readers.watch((states) => {
      standstillMs = Math.max(standstillMs, ...states.slice(0, 1).map(({ longestGapMs }) => longestGapMs));
    });
    const begin = await this.#rate(windowMs);
    const betweenMs = Math.max(0, holdMs - 2 * windowMs);
    const left = appends * (1 - SHARES.restored) - this.#ledger.appends - (begin * windowMs) / 1_000;
    this.#writers.pace(Math.max(PROCESSES * 50, left / (betweenMs / 1_000)));
    await delay(betweenMs);
    const end = await this.#rate(windowMs);
    readers.watch(undefined);
    const whole = await held.end();
    if (standstillMs > STANDSTILL_MS) this.#stalled += 1;
    this.#figures.holdSeconds = Math.round(holdMs / 1_000);
    this.#figures.perSecond = { before, snapshotBegin: begin, snapshotEnd: end };
    this.#figures.readerStandstillMs = standstillMs;
    say(
      `beside an open snapshot: ${before}/s before, ${begin}/s at its begin, ${end}/s after ${holdMs / 1_000} s`,
    );
    return whole;
  }

  async #rate(ms: number): Promise<number> {
    this.#writers.pace(null);
    await delay(500);
    const [from, started] = [this.#ledger.appends, performance.now()];
    await delay(ms);
    return Math.round((this.#ledger.appends - from) / ((performance.now() - started) / 1_000));
  }

  async #until(appends: number): Promise<void> {
    let said = performance.now();
    while (this.#ledger.appends < appends) {
      await delay(20);
      this.#writers.check();
      if (performance.now() - said < 10_000) continue;
      said = performance.now();
      const { position = 0, lagMs = 0 } = this.#parts.readers.follower ?? {};
      this.#parts.say(`${this.#ledger.appends} appends; the follower is at ${position}, ${lagMs} ms behind`);
    }
  }

  async #reached({ storeUrl }: Cluster): Promise<number> {
    const store = createPostgresEventStore({ url: storeUrl, name: 'order judge' });
    const head = Number(await store.headPosition());
    await store.close();
    if (!(await this.#parts.readers.reached(head))) this.#stalled += 1;
    return head;
  }

  async #judge({ storeUrl }: Cluster): Promise<Verdict> {
    const judge = new Judge(this.#ledger, PLANS, await this.#parts.readers.whole());
    const store = createPostgresEventStore({ url: storeUrl, name: 'order judge' });
    const verdict = await judge.judge(store);
    await store.close();
    return verdict;
  }

  async end(): Promise<void> {
    await this.#writers.end();
    await this.#parts.readers.end();
    await Promise.all(this.#clusters.map((cluster) => cluster.stop()));
  }
}
