import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { endChild, startChild } from './children.js';
import type { Driver, WriterNews, WriterOrder, WriterSettings } from './protocol.js';

export interface WritersOptions {
  readonly driver: Driver;
  readonly url: string;
  readonly processes: number;
  readonly writersEach: number;
  readonly depth: number;
  readonly random: () => number;
}

/** What all writers of all lives were told by the store. */
export class Ledger {
  /** Position → number of the event that was acknowledged there. */
  readonly acknowledged = new Map<number, number>();
  conflicts = 0;
  undone = 0;
  wronglyTaken = 0;
  kills = 0;
  /** One position acknowledged to two events. */
  doubled = 0;

  add(news: WriterNews): void {
    for (const [position, id] of news.acks) {
      const other = this.acknowledged.get(position);
      if (other !== undefined && other !== id) this.doubled += 1;
      this.acknowledged.set(position, id);
    }
    this.conflicts += news.conflicts;
    this.undone += news.undone;
    this.wronglyTaken += news.wronglyTaken;
  }

  get appends(): number {
    return this.acknowledged.size;
  }
}

/** Processes full of writers. One that is killed is followed by another with streams of its own. */
export class Writers {
  readonly #options: WritersOptions;
  readonly #ledger: Ledger;
  readonly #children: ChildProcess[];
  static #lives = 0;
  #pace: number | null = null;

  constructor(ledger: Ledger, options: WritersOptions) {
    this.#ledger = ledger;
    this.#options = options;
    this.#children = Array.from({ length: options.processes }, () => this.#start());
  }

  #start(): ChildProcess {
    const { driver, url, writersEach: writers, depth, random } = this.#options;
    Writers.#lives += 1;
    const name = `w${Writers.#lives}`;
    const seed = Math.floor(random() * 2 ** 32);
    const child = startChild('writer-process', {
      driver,
      name,
      seed,
      writers,
      depth,
    } satisfies WriterSettings);
    child.on('message', (news) => this.#ledger.add(news as WriterNews));
    this.#tell(child, this.#paceOfOne());
    this.#tell(child, { url });
    return child;
  }

  #tell(child: ChildProcess, order: WriterOrder): void {
    if (child.connected) child.send(order);
  }

  #paceOfOne(): WriterOrder {
    return { pace: this.#pace === null ? null : this.#pace / this.#options.processes };
  }

  /** Throws where one of them ended by itself. */
  check(): void {
    const ended = this.#children.find(({ exitCode }) => exitCode);
    if (ended) throw new Error(`a writer ended with ${ended.exitCode}`);
  }

  /** Appends a second of all together; null for as fast as they can. */
  pace(perSecond: number | null): void {
    this.#pace = perSecond;
    for (const child of this.#children) this.#tell(child, this.#paceOfOne());
  }

  /** kill -9 of one process with its writers, whatever they have under way. */
  async kill(): Promise<void> {
    const index = Math.floor(this.#options.random() * this.#children.length);
    const child = this.#children[index];
    if (!child) return;
    await endChild(child);
    this.#ledger.kills += 1;
    this.#children[index] = this.#start();
  }

  /** Finishes what is under way. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null) return;
        const ended = once(child, 'exit');
        this.#tell(child, { stop: true });
        await ended;
      }),
    );
    this.check();
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => endChild(child)));
  }
}
