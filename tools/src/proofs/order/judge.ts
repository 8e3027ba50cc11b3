import { createHash, type Hash } from 'node:crypto';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { idNumber, NEVER, type ReaderPlan, type ReaderState } from './protocol.js';
import type { Ledger } from './writers.js';

/** Every law of order, and how often it was broken. */
export interface Verdict {
  /** Committed, but a reader that had passed by never saw it. */
  readonly missed: number;
  /** A position, or a revision of a stream, that is not there. */
  readonly holes: number;
  /** Seen twice, or after a later one. */
  readonly unordered: number;
  /** `recordedAt` falls as position grows. */
  readonly backwards: number;
  /** Acknowledged, but not there. */
  readonly lost: number;
  readonly doubled: number;
  /** Refused or rolled back, and yet there. */
  readonly unwanted: number;
  /** Readers whose ids, in their order, are not the log's. */
  readonly different: number;
}

export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((count) => count === 0);
}

const PAGE = 5_000;

interface Watched {
  readonly plan: ReaderPlan;
  readonly state: ReaderState;
  readonly seen: Buffer;
  readonly digest: Hash;
}

/** Compares the log, given whole and in order, with what writers were told and readers saw. */
export class Judge {
  readonly #ledger: Ledger;
  readonly #watched: readonly Watched[];
  readonly #ids = new Set<string>();
  readonly #revisions = new Map<string, bigint>();
  readonly #counts = { missed: 0, holes: 0, backwards: 0, doubled: 0, unwanted: 0, acknowledgedSeen: 0 };
  #last = 0;
  #recordedAt = '';

  constructor(ledger: Ledger, plans: readonly ReaderPlan[], states: readonly ReaderState[]) {
    this.#ledger = ledger;
    this.#watched = plans.flatMap((plan) => {
      const state = states.find(({ name }) => name === plan.name);
      if (!state?.seen) return [];
      return [{ plan, state, seen: Buffer.from(state.seen, 'base64'), digest: createHash('sha256') }];
    });
  }

  async judge(store: Pick<EventStore, 'readAll'>): Promise<Verdict> {
    for (let after = '0'; ; ) {
      const { events, upTo } = await store.readAll({ after, limit: PAGE });
      for (const event of events) this.#take(event);
      if (events.length < PAGE) return this.#verdict();
      after = upTo;
    }
  }

  #take(event: RecordedEvent): void {
    const at = Number(event.position);
    const counts = this.#counts;
    if (at !== this.#last + 1) counts.holes += 1;
    this.#last = at;
    if (event.recordedAt < this.#recordedAt) counts.backwards += 1;
    this.#recordedAt = event.recordedAt;
    if (this.#ids.has(event.id)) counts.doubled += 1;
    this.#ids.add(event.id);
    if (event.revision !== (this.#revisions.get(event.stream) ?? -1n) + 1n) counts.holes += 1;
    this.#revisions.set(event.stream, event.revision);
    if (event.type === NEVER) counts.unwanted += 1;
    if (this.#ledger.acknowledged.get(at) === idNumber(event.id)) counts.acknowledgedSeen += 1;
    for (const reader of this.#watched) this.#compare(reader, event, at);
  }

  #compare({ plan, state, seen, digest }: Watched, { id, type }: RecordedEvent, at: number): void {
    if (at <= state.from || (plan.types && !plan.types.includes(type))) return;
    digest.update(id);
    if (((seen[at >> 3] ?? 0) & (1 << (at & 7))) === 0) this.#counts.missed += 1;
  }

  #verdict(): Verdict {
    const { acknowledgedSeen, ...counts } = this.#counts;
    const total = (pick: (state: ReaderState) => number): number =>
      this.#watched.reduce((sum, { state }) => sum + pick(state), 0);
    return {
      ...counts,
      backwards: counts.backwards + total(({ backwards }) => backwards),
      doubled: counts.doubled + this.#ledger.doubled,
      unwanted: counts.unwanted + this.#ledger.wronglyTaken,
      unordered: total(({ unordered }) => unordered),
      lost: this.#ledger.acknowledged.size - acknowledgedSeen,
      different: this.#watched.filter(({ state, digest }) => digest.digest('hex') !== state.digest).length,
    };
  }
}
