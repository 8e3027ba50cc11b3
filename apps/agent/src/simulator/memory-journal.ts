import { GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { chainEntry } from '@keyfleet/crypto';
import type { Journal, JournalPosition } from '../link/journal/journal.js';

/** What there is to tell, before it has a place. */
export type NewEntry = Pick<JournalEntry, 'id' | 'type' | 'v' | 'at' | 'data'>;

interface State {
  readonly orgId: string;
  readonly agentId: string;
  /** Of the current epoch, in order; what was acknowledged and pruned is gone. Only ever appended to in place. */
  readonly entries: JournalEntry[];
  readonly acknowledged: JournalPosition;
}

function nobody(): State {
  return { orgId: '', agentId: '', entries: [], acknowledged: { epoch: 0, seq: 0, hash: GENESIS_HASH } };
}

/** A journal as the vault's, in memory: for agents that are simulated by the thousand and die with their process. */
export class MemoryJournal implements Journal {
  readonly #listeners = new Set<() => void>();
  readonly #pruneAt: number;
  #state: State = nobody();

  /** Prunes by itself whenever so many entries are acknowledged; by default only when it is asked to. */
  constructor(options: { readonly pruneAt?: number } = {}) {
    this.#pruneAt = options.pruneAt ?? Number.POSITIVE_INFINITY;
  }

  append(...bodies: readonly NewEntry[]): JournalEntry[] {
    const { orgId, agentId, acknowledged } = this.#state;
    const added: JournalEntry[] = [];
    let { seq, hash: prev } = this.head();
    for (const { id, type, v, at, data } of bodies) {
      seq += 1;
      const { epoch } = acknowledged;
      const entry = chainEntry({ id, orgId, agentId, epoch, seq, type, v, at, data, prev });
      prev = entry.hash;
      added.push(entry);
    }
    // In place: a copy for each append would cost the square of the backlog.
    for (const entry of added) this.#state.entries.push(entry);
    this.#tell();
    return added;
  }

  /** Whose journal it is; empty before `identify`. */
  get owner(): { readonly orgId: string; readonly agentId: string } {
    const { orgId, agentId } = this.#state;
    return { orgId, agentId };
  }

  head(): JournalPosition {
    const { entries, acknowledged } = this.#state;
    return position(entries.at(-1) ?? acknowledged);
  }

  acknowledged(): JournalPosition {
    return this.#state.acknowledged;
  }

  oldestSeq(): number | null {
    return this.#state.entries[0]?.seq ?? null;
  }

  oldestPrev(): string | null {
    return this.#state.entries[0]?.prev ?? null;
  }

  pending(limit: { entries: number; bytes: number }, after?: number): JournalEntry[] {
    const { entries, acknowledged } = this.#state;
    const first = entries[0]?.seq ?? 1;
    const from = Math.max((after ?? acknowledged.seq) + 1 - first, 0);
    const found = entries.slice(from, from + limit.entries);
    let bytes = 0;
    const fits = found.findIndex((entry, index) => {
      bytes += Buffer.byteLength(JSON.stringify(entry));
      return index > 0 && bytes > limit.bytes;
    });
    return fits < 0 ? found : found.slice(0, fits);
  }

  acknowledge(watermark: JournalPosition): boolean {
    const { acknowledged } = this.#state;
    if (!this.#has(watermark)) return false;
    if (watermark.seq > acknowledged.seq) this.#set({ acknowledged: position(watermark) });
    this.#pruneWhereMany();
    return true;
  }

  rewind(watermark: { seq: number; hash: string }): boolean {
    const { epoch, seq } = this.#state.acknowledged;
    const place = { ...watermark, epoch };
    if (!this.#has(place)) return false;
    if (watermark.seq < seq) this.#set({ acknowledged: position(place) });
    return true;
  }

  startEpoch(next: { epoch: number; prev: string; rechainFrom: number }): void {
    const { entries, acknowledged } = this.#state;
    if (next.epoch <= acknowledged.epoch)
      throw new RangeError('a new epoch must be higher than the one before');
    const moved = entries.filter(({ seq }) => seq >= next.rechainFrom);
    this.#set({ entries: [], acknowledged: { epoch: next.epoch, seq: 0, hash: next.prev } });
    this.append(...moved);
  }

  identify({
    orgId,
    agentId,
    epoch,
    prev,
  }: {
    orgId: string;
    agentId: string;
    epoch: number;
    prev: string;
  }): void {
    const before = this.#state;
    if (before.agentId === agentId) return;
    const unsent = before.entries.filter(({ seq }) => seq > before.acknowledged.seq);
    this.#set({ orgId, agentId, entries: [], acknowledged: { epoch, seq: 0, hash: prev } });
    this.append(...unsent);
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Drops everything acknowledged: nobody restores a control plane under a simulated fleet. */
  prune(): void {
    this.pruneTo(this.#state.acknowledged.seq);
  }

  pruneTo(seq: number): void {
    const { entries, acknowledged } = this.#state;
    const keepFrom = Math.min(seq, acknowledged.seq);
    this.#set({ entries: entries.filter((entry) => entry.seq > keepFrom) });
  }

  /** An image of the disk, and the disk put back to it. */
  image(): unknown {
    return { ...this.#state, entries: [...this.#state.entries] } satisfies State;
  }

  putBack(image: unknown): void {
    const state = image as State;
    this.#state = { ...state, entries: [...state.entries] };
  }

  /** Once in `pruneAt` acknowledged entries, so that each is moved a few times at most. */
  #pruneWhereMany(): void {
    const { entries, acknowledged } = this.#state;
    const done = acknowledged.seq - (entries[0]?.seq ?? acknowledged.seq) + 1;
    if (done >= this.#pruneAt && done * 2 >= entries.length) this.prune();
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #has({ epoch, seq, hash }: JournalPosition): boolean {
    const { entries, acknowledged } = this.#state;
    if (epoch !== acknowledged.epoch) return false;
    if (seq === acknowledged.seq) return hash === acknowledged.hash;
    const first = entries[0];
    if (first && seq === first.seq - 1) return hash === first.prev;
    return first !== undefined && entries[seq - first.seq]?.hash === hash;
  }
}

function position({ epoch, seq, hash }: JournalPosition): JournalPosition {
  return { epoch, seq, hash };
}
