import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '@keyfleet/event-store';
import { seeded } from '../random.js';
import type { OrderedStore } from './naive-store.js';
import {
  openStore,
  type ReaderOrder,
  type ReaderPlan,
  type ReaderSettings,
  type ReaderState,
} from './protocol.js';

/** Readers that follow the log, each in its way, and remember what they saw. */
const settings = JSON.parse(String(process.env.KEYFLEET_PROOF)) as ReaderSettings;
const random = seeded(settings.seed);
const REPORT_EVERY_MS = 200;

class Reader {
  readonly #plan: ReaderPlan;
  readonly #digest = createHash('sha256');
  #seen = Buffer.alloc(1 << 16);
  #from = 0;
  #position = 0;
  #events = 0;
  #resumed = 0;
  #unordered = 0;
  #backwards = 0;
  #recordedAt = '';
  #lastBatch = performance.now();
  #longestGapMs = 0;
  #lagMs = 0;
  #stop: AbortController | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(plan: ReaderPlan) {
    this.#plan = plan;
  }

  get isLate(): boolean {
    return this.#plan.late === true;
  }

  begin(position: number): void {
    this.#from = position;
    this.#position = position;
  }

  follow(store: OrderedStore): void {
    this.#stop = new AbortController();
    this.#lastBatch = performance.now();
    this.#done = this.#run(store, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#done;
  }

  async #run(store: OrderedStore, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.#visit(store, signal);
  }

  /** From the last position until told to stop, or until a reader that leaves has seen enough. */
  async #visit(store: OrderedStore, signal: AbortSignal): Promise<void> {
    const { types, leaves, slow } = this.#plan;
    let left = leaves ? 1 + Math.floor(random() * 5_000) : Number.POSITIVE_INFINITY;
    const subscription = store.subscribe({
      ...{ after: String(this.#position), signal },
      ...(types ? { filter: { types } } : {}),
      ...(slow ? { bufferSize: 100 } : {}),
    });
    for await (const items of subscription) {
      this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastBatch);
      this.#lastBatch = performance.now();
      for (const item of items) {
        if (item.kind === 'mark') this.#position = Math.max(this.#position, Number(item.upTo));
        else this.#take(item.event);
      }
      left -= items.length;
      if (slow) await delay(2);
      if (left <= 0) break;
    }
    if (!signal.aborted) this.#resumed += 1;
  }

  #take({ id, position, recordedAt }: RecordedEvent): void {
    const at = Number(position);
    if (at <= this.#position) this.#unordered += 1;
    if (recordedAt < this.#recordedAt) this.#backwards += 1;
    this.#recordedAt = recordedAt;
    this.#position = Math.max(this.#position, at);
    this.#events += 1;
    this.#lagMs = Date.now() - Date.parse(recordedAt);
    this.#digest.update(id);
    if (at >= this.#seen.length * 8)
      this.#seen = Buffer.concat([this.#seen, Buffer.alloc(Math.max(at >> 3, 1) + 1)]);
    this.#seen[at >> 3] = (this.#seen[at >> 3] ?? 0) | (1 << (at & 7));
  }

  state(whole: boolean): ReaderState {
    const longestGapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastBatch);
    this.#longestGapMs = 0;
    return {
      ...{ name: this.#plan.name, from: this.#from, position: this.#position, events: this.#events },
      ...{ resumed: this.#resumed, unordered: this.#unordered, backwards: this.#backwards },
      ...{ longestGapMs: Math.round(longestGapMs), lagMs: this.#lagMs },
      digest: this.#digest.copy().digest('hex'),
      ...(whole ? { seen: this.#seen.toString('base64') } : {}),
    };
  }
}

const readers = settings.readers.map((plan) => new Reader(plan));
let store: OrderedStore | undefined;

async function move(url: string): Promise<void> {
  await Promise.all(readers.map((reader) => reader.stop()));
  const late = store === undefined;
  await store?.close();
  store = openStore(settings.driver, url, 'order readers');
  for (const reader of readers) if (!(late && reader.isLate)) reader.follow(store);
}

process.on('message', (order: ReaderOrder) => {
  if ('url' in order) void move(order.url);
  else if ('tell' in order) process.send?.(readers.map((reader) => reader.state(true)));
  else
    for (const reader of readers.filter(({ isLate }) => isLate)) {
      reader.begin(Number(order.start));
      if (store) reader.follow(store);
    }
});
process.on('disconnect', () => process.exit());
setInterval(() => process.send?.(readers.map((reader) => reader.state(false))), REPORT_EVERY_MS);
