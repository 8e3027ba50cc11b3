import type { Change, UsageClass, UsageCount } from '../storage/port.js';

/** Of what may be held, the part that strangers may have beside it. */
const SHARE_OF_STRANGERS = 0.02;
const AT_ONCE = 1_000;

interface One {
  readonly change: Change;
  readonly stranger: boolean;
}

/**
 * What waits in memory while the disk refuses. Strangers have a small room of their own, so that they neither use up
 * what reads are held in nor are answered otherwise; past it they are only counted, and lines left out told of.
 */
export class Held {
  readonly #max: number;
  readonly #maxOfStrangers: number;
  readonly #leaveOut: () => void;
  readonly #all: One[] = [];
  readonly #counts = new Map<UsageClass, UsageCount>();
  #strangers = 0;

  /** `leaveOut` hears of every line of a stranger that is not held. */
  constructor(max: number, leaveOut: () => void) {
    this.#max = max;
    this.#maxOfStrangers = Math.ceil(max * SHARE_OF_STRANGERS);
    this.#leaveOut = leaveOut;
  }

  get lines(): number {
    return this.#all.reduce((sum, { change }) => sum + (change.audit?.length ?? 0), 0);
  }

  /** False where there is no room; there always is for the count of a stranger. */
  add(change: Change, stranger: boolean): boolean {
    if (stranger) this.#addOfStranger(change);
    else if (this.#all.length - this.#strangers >= this.#max) return false;
    else this.#all.push({ change, stranger });
    return true;
  }

  /** Hands everything on, also what comes meanwhile; what `apply` does not take stays. */
  async write(apply: (change: Change) => Promise<void>): Promise<void> {
    while (this.#all.length > 0 || this.#counts.size > 0) {
      const chunk = this.#all.slice(0, AT_ONCE);
      const counts = [...this.#counts.values()];
      await apply(merged([...chunk.map(({ change }) => change), { usage: counts }]));
      this.#all.splice(0, chunk.length);
      this.#strangers -= chunk.filter(({ stranger }) => stranger).length;
      for (const written of counts) this.#uncount(written);
    }
  }

  #addOfStranger(change: Change): void {
    if ((change.audit || change.events) && this.#strangers < this.#maxOfStrangers) {
      this.#all.push({ change, stranger: true });
      this.#strangers += 1;
      return;
    }
    if (change.audit) this.#leaveOut();
    for (const one of change.usage ?? []) this.#count(one);
  }

  #count({ of, minute, count }: UsageCount): void {
    const before = this.#counts.get(of)?.count ?? 0;
    // Classes of many minutes add up while a disk stays away; past so many only the lines left out are told of.
    if (before > 0 || this.#counts.size < this.#maxOfStrangers)
      this.#counts.set(of, { of, minute, count: before + count });
  }

  #uncount({ of, minute, count }: UsageCount): void {
    const left = (this.#counts.get(of)?.count ?? 0) - count;
    if (left > 0) this.#counts.set(of, { of, minute, count: left });
    else this.#counts.delete(of);
  }
}

function merged(changes: readonly Change[]): Change {
  return {
    audit: changes.flatMap(({ audit }) => audit ?? []),
    usage: changes.flatMap(({ usage }) => usage ?? []),
    events: changes.flatMap(({ events }) => events ?? []),
  };
}
