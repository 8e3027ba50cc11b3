import {
  GENESIS_HASH,
  type JournalEntry,
  KEEP_ACKNOWLEDGED_BYTES,
  KEEP_ACKNOWLEDGED_MS,
} from '@keyfleet/contracts';
import type { Clock } from '@keyfleet/kernel';
import type { SqliteDatabase } from '../../storage/sqlite/database.js';
import type { EntryBody, JournalIdentity } from './entries.js';
import type { Journal, JournalPosition } from './journal.js';
import { createPrune } from './prune.js';
import { JournalRows } from './rows.js';
import { JournalStateRow } from './state.js';

/**
 * The journal in the vault's own file, so that a change and its entry are one transaction. Nothing is kept in memory:
 * another process of the same agent (its command line) may append as well.
 */
export class SqliteJournal implements Journal {
  readonly #database: SqliteDatabase;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #rows: JournalRows;
  readonly #state: JournalStateRow;
  readonly #acknowledgeRows;
  readonly #reopenRows;
  readonly #prune;
  readonly #listeners = new Set<() => void>();

  constructor(database: SqliteDatabase, clock: Pick<Clock, 'now'>) {
    const { handle } = database;
    this.#database = database;
    this.#clock = clock;
    this.#rows = new JournalRows(handle);
    this.#state = new JournalStateRow(handle);
    this.#prune = createPrune(database);
    this.#acknowledgeRows = handle.prepare<[number, number, number]>(
      'UPDATE journal SET acknowledged_at = ? WHERE epoch = ? AND seq <= ? AND acknowledged_at IS NULL',
    );
    this.#reopenRows = handle.prepare<[number, number]>(
      'UPDATE journal SET acknowledged_at = NULL WHERE epoch = ? AND seq > ?',
    );
  }

  /** Who writes it; `null` before enrolment. */
  identity(): JournalIdentity | null {
    return this.#database.read(() => this.#state.read().identity ?? null);
  }

  head(): JournalPosition {
    return this.#database.read(() => this.#head());
  }

  acknowledged(): JournalPosition {
    return this.#database.read(() => this.#state.read().acknowledged);
  }

  oldestSeq(): number | null {
    return this.#database.read(() => this.#oldest()?.seq ?? null);
  }

  oldestPrev(): string | null {
    return this.#database.read(() => this.#oldest()?.prev ?? null);
  }

  pending(limit: { entries: number; bytes: number }, after?: number): JournalEntry[] {
    return this.#database.read(() => {
      const { identity, acknowledged } = this.#state.read();
      if (!identity) return [];
      return this.#rows.read(acknowledged.epoch, after ?? acknowledged.seq, limit, identity);
    });
  }

  acknowledge(watermark: JournalPosition): boolean {
    return this.#database.transaction(() => {
      const { acknowledged } = this.#state.read();
      if (!this.#has(watermark)) return false;
      if (watermark.seq <= acknowledged.seq) return true;
      this.#acknowledgeRows.run(this.#clock.now(), watermark.epoch, watermark.seq);
      this.#state.acknowledge(watermark);
      return true;
    });
  }

  rewind(watermark: { seq: number; hash: string }): boolean {
    const rewound = this.#database.transaction(() => {
      const { acknowledged } = this.#state.read();
      const position = { ...watermark, epoch: acknowledged.epoch };
      if (!this.#has(position)) return false;
      if (watermark.seq >= acknowledged.seq) return true;
      this.#reopenRows.run(position.epoch, watermark.seq);
      this.#state.acknowledge(position);
      return true;
    });
    if (rewound) this.announce();
    return rewound;
  }

  startEpoch(next: { epoch: number; prev: string; rechainFrom: number }): void {
    this.#database.transaction(() => {
      const { identity, acknowledged } = this.#state.read();
      if (!identity || next.epoch <= acknowledged.epoch)
        throw new RangeError('a new epoch must be higher than the one before');
      const start = { epoch: next.epoch, seq: 0, hash: next.prev };
      const from = { epoch: acknowledged.epoch, seq: next.rechainFrom };
      this.#acknowledgeRows.run(this.#clock.now(), from.epoch, from.seq - 1);
      this.#rows.move(from, start, identity);
      this.#state.begin(identity, start);
    });
    this.announce();
  }

  identify(given: JournalIdentity & { epoch: number; prev: string }): void {
    const { epoch, prev, orgId, agentId } = given;
    this.#database.transaction(() => {
      const { identity, acknowledged } = this.#state.read();
      if (identity?.orgId === orgId && identity.agentId === agentId) return;
      const start = { epoch, seq: 0, hash: prev };
      // What another identity has sent is of no use to this one, and its epochs may have the same numbers.
      const unsent = this.#rows.setAside({ epoch: acknowledged.epoch, seq: acknowledged.seq + 1 });
      this.#rows.move(unsent, start, { orgId, agentId });
      this.#state.begin({ orgId, agentId }, start);
    });
    this.announce();
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  prune(now: number): void {
    this.#prune({ before: now - KEEP_ACKNOWLEDGED_MS, bytes: KEEP_ACKNOWLEDGED_BYTES });
  }

  /** For the storage, inside its transaction: the entries of a change. */
  append(bodies: readonly EntryBody[]): void {
    const { identity } = this.#state.read();
    if (identity) this.#rows.add(this.#head(), identity, bodies);
    else this.#rows.addUnchained(bodies);
  }

  announce(): void {
    for (const listener of this.#listeners) queueMicrotask(() => notify(listener));
  }

  #head(): JournalPosition {
    const { identity, acknowledged } = this.#state.read();
    if (!identity) return { epoch: 0, seq: 0, hash: GENESIS_HASH };
    const newest = this.#rows.newest(acknowledged.epoch);
    return newest ? { epoch: acknowledged.epoch, seq: newest.seq, hash: newest.hash } : acknowledged;
  }

  #oldest() {
    const { identity, acknowledged } = this.#state.read();
    return identity ? this.#rows.oldest(acknowledged.epoch) : undefined;
  }

  /** Whether that hash stands there, as far as this journal reaches: down to just before its oldest entry. */
  #has({ epoch, seq, hash }: JournalPosition): boolean {
    const { identity, acknowledged } = this.#state.read();
    if (!identity || epoch !== acknowledged.epoch) return false;
    if (seq === acknowledged.seq) return hash === acknowledged.hash;
    const there = this.#rows.at(epoch, seq);
    if (there) return there.hash === hash;
    const next = this.#rows.at(epoch, seq + 1);
    return next !== undefined && next.prev === hash;
  }
}

/** What was committed stands, whatever a listener makes of it: its error must not be the end of the process. */
function notify(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    process.emitWarning(`A listener of the journal failed: ${String(error)}`);
  }
}
