import type { JournalEntry } from '@keyfleet/contracts';
import { canonicalJson } from '@keyfleet/crypto';
import type { Handle } from '../../storage/sqlite/database.js';
import { chainAfter, type EntryBody, type JournalIdentity } from './entries.js';
import type { JournalPosition } from './journal.js';

/** Entries handled at a time where there may be very many. */
const STEP = 1_000;

interface Row {
  readonly seq: number;
  readonly body: string;
  readonly bytes: number;
  readonly prev: string;
  readonly hash: string;
}

/** The journal's table: places of entries, and moving them. All inside the caller's transaction. */
export class JournalRows {
  readonly #handle: Handle;
  readonly #insert;
  readonly #remove;
  readonly #after;
  readonly #at;
  readonly #oldest;
  readonly #newest;
  readonly #setAside;

  constructor(handle: Handle) {
    this.#handle = handle;
    this.#insert = handle.prepare<[number, number, string, number, string, string]>(
      'INSERT INTO journal (epoch, seq, body, bytes, prev, hash) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#remove = handle.prepare<[number, number, number]>(
      'DELETE FROM journal WHERE epoch = ? AND seq >= ? AND seq <= ?',
    );
    this.#after = handle.prepare<[number, number, number], Row>(
      'SELECT seq, body, bytes, prev, hash FROM journal WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT ?',
    );
    this.#at = handle.prepare<[number, number], Row>(
      'SELECT seq, body, bytes, prev, hash FROM journal WHERE epoch = ? AND seq = ?',
    );
    this.#oldest = handle.prepare<[number], Row>(
      'SELECT seq, body, bytes, prev, hash FROM journal WHERE epoch = ? ORDER BY seq LIMIT 1',
    );
    this.#setAside = handle.prepare<[number, number]>(
      'UPDATE journal SET epoch = 0 WHERE epoch = ? AND seq >= ?',
    );
    this.#newest = handle.prepare<[number], Row>(
      'SELECT seq, body, bytes, prev, hash FROM journal WHERE epoch = ? ORDER BY seq DESC LIMIT 1',
    );
  }

  oldest(epoch: number): Row | undefined {
    return this.#oldest.get(epoch);
  }

  newest(epoch: number): Row | undefined {
    return this.#newest.get(epoch);
  }

  at(epoch: number, seq: number): Row | undefined {
    return this.#at.get(epoch, seq);
  }

  /** In order; stops at the limits, but never before the first. */
  read(
    epoch: number,
    after: number,
    limit: { entries: number; bytes: number },
    identity: JournalIdentity,
  ): JournalEntry[] {
    const entries: JournalEntry[] = [];
    let bytes = 0;
    for (const row of this.#after.iterate(epoch, after, limit.entries)) {
      // The comma between two entries counts too.
      bytes += row.bytes + 1;
      if (entries.length > 0 && bytes > limit.bytes) break;
      const { seq, prev, hash } = row;
      entries.push({ ...(JSON.parse(row.body) as EntryBody), ...identity, epoch, seq, prev, hash });
    }
    return entries;
  }

  /** Before enrolment, epoch 0: only the order is kept. */
  addUnchained(bodies: readonly EntryBody[]): void {
    let seq = this.newest(0)?.seq ?? 0;
    for (const body of bodies) {
      seq += 1;
      this.#insert.run(0, seq, bodyText(body), 0, '', '');
    }
  }

  add(position: JournalPosition, identity: JournalIdentity, bodies: readonly EntryBody[]): JournalPosition {
    let last = position;
    for (const entry of chainAfter(position, identity, bodies)) {
      const { epoch, seq, prev, hash } = entry;
      this.#insert.run(epoch, seq, bodyText(entry), Buffer.byteLength(canonicalJson(entry)), prev, hash);
      last = { epoch, seq, hash };
    }
    return last;
  }

  /** Takes entries out of one epoch, from a seq on, and chains them into another, in their order and with their ids. */
  move(from: { epoch: number; seq: number }, to: JournalPosition, identity: JournalIdentity): void {
    let last = to;
    for (let next = from.seq; ; ) {
      const rows = this.#after.all(from.epoch, next - 1, STEP);
      const end = rows.at(-1)?.seq;
      if (end === undefined) return;
      this.#remove.run(from.epoch, next, end);
      last = this.add(
        last,
        identity,
        rows.map((row) => JSON.parse(row.body) as EntryBody),
      );
      next = end + 1;
    }
  }

  /** Takes entries out of the chain, from a place on, and drops all others. Returns where they wait: in epoch 0. */
  setAside(from: { epoch: number; seq: number }): { epoch: number; seq: number } {
    this.#setAside.run(from.epoch, from.seq);
    this.#handle.exec('DELETE FROM journal WHERE epoch <> 0');
    return { epoch: 0, seq: 1 };
  }
}

function bodyText({ id, type, v, at, data }: EntryBody): string {
  return JSON.stringify({ id, type, v, at, data });
}
