import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { endChild, startChild } from './children.js';
import {
  type Driver,
  RARE,
  type ReaderOrder,
  type ReaderPlan,
  type ReaderSettings,
  type ReaderState,
} from './protocol.js';

export const PLANS: readonly ReaderPlan[] = [
  { name: 'follower' },
  { name: 'one type', types: [RARE] },
  { name: 'comes and goes', leaves: true, types: ['Even', RARE] },
  { name: 'late and slow', late: true, slow: true, types: ['Odd'] },
];

const REACHED_CEILING_MS = 300_000;

/** The readers' process, as it is seen from here. */
export class Readers {
  readonly #child: ChildProcess;
  #states: readonly ReaderState[] = [];
  #onReport: ((states: readonly ReaderState[]) => void) | undefined;

  constructor(driver: Driver, seed: number) {
    const settings: ReaderSettings = { driver, seed, readers: PLANS };
    this.#child = startChild('reader-process', settings);
    this.#child.on('message', (states) => {
      this.#states = states as ReaderState[];
      this.#onReport?.(this.#states);
    });
  }

  #tell(order: ReaderOrder): void {
    this.#child.send(order);
  }

  follow(url: string): void {
    this.#tell({ url });
  }

  /** Those that come late begin here. */
  startLate(position: number): void {
    this.#tell({ start: String(position) });
  }

  watch(onReport: ((states: readonly ReaderState[]) => void) | undefined): void {
    this.#onReport = onReport;
  }

  get follower(): ReaderState | undefined {
    return this.#states.find(({ name }) => name === 'follower');
  }

  /** False where one of them did not get there in time. */
  async reached(head: number): Promise<boolean> {
    const until = performance.now() + REACHED_CEILING_MS;
    while (performance.now() < until) {
      if (this.#states.length > 0 && this.#states.every(({ position }) => position >= head)) return true;
      if (this.#child.exitCode !== null) throw new Error('the readers ended');
      await delay(50);
    }
    return false;
  }

  async whole(): Promise<readonly ReaderState[]> {
    this.#tell({ tell: true });
    for (;;) {
      const [states] = (await once(this.#child, 'message')) as [readonly ReaderState[]];
      if (states[0]?.seen !== undefined) return states;
    }
  }

  async end(): Promise<void> {
    await endChild(this.#child);
  }
}
