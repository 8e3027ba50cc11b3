import { journalStream } from '@keyfleet/contracts';
import type { EventStore, Provided, RecordedEvent } from '@keyfleet/event-store';
import { LRUCache } from 'lru-cache';

/** The last committed place of one epoch; seq 0 and the epoch's first `prev` where nothing is. */
export interface JournalHead {
  readonly seq: number;
  /** `null` where the entry itself was trimmed and only its revision is left. */
  readonly hash: string | null;
}

export interface StoredEntry {
  readonly seq: number;
  readonly id: string;
  readonly hash: string | null;
}

export interface Epoch {
  readonly agentId: string;
  readonly epoch: number;
  /** Hash before its first entry. */
  readonly prev: string;
}

/** That this epoch ends just here, as the condition of an append that was decided by it. */
export function endsAt({ agentId, epoch }: Epoch, { seq }: JournalHead): Provided {
  return { stream: journalStream(agentId, epoch), revision: seq === 0 ? 'no-stream' : BigInt(seq - 1) };
}

const CACHED = 200_000;

/** What the store holds of agents' journals. Heads are remembered: a batch that follows on costs no read. */
export class Journals {
  readonly #store: EventStore;
  readonly #heads = new LRUCache<string, JournalHead>({ max: CACHED });

  constructor(store: EventStore) {
    this.#store = store;
  }

  /** As far as this process knows: only for appends, whose expectation is checked again by the store. */
  async assumedHead(of: Epoch): Promise<JournalHead> {
    return this.#heads.get(journalStream(of.agentId, of.epoch)) ?? this.head(of);
  }

  /** As the store has it now. */
  async head(of: Epoch): Promise<JournalHead> {
    const stream = journalStream(of.agentId, of.epoch);
    const head = await this.#readHead(stream, of.prev);
    this.#heads.set(stream, head);
    return head;
  }

  async #readHead(stream: string, prev: string): Promise<JournalHead> {
    const revision = await this.#store.streamRevision(stream);
    if (revision === null) return { seq: 0, hash: prev };
    const [last] = await this.#store.readStream(stream, { direction: 'backwards', limit: 1 });
    const seq = Number(revision) + 1;
    return last && last.revision >= revision
      ? { seq: Number(last.revision) + 1, hash: hashOf(last) }
      : { seq, hash: null };
  }

  committed(of: Epoch, head: JournalHead): void {
    this.#heads.set(journalStream(of.agentId, of.epoch), head);
  }

  /** After a conflict, or an append of which nothing is known. */
  forget(of: Epoch): void {
    this.#heads.delete(journalStream(of.agentId, of.epoch));
  }

  /** At most `limit` entries from seq `from` on; trimmed ones are missing. */
  async read(agentId: string, epoch: number, from: number, limit: number): Promise<StoredEntry[]> {
    const events = await this.#store.readStream(journalStream(agentId, epoch), {
      from: BigInt(from - 1),
      limit,
    });
    return events.map((event) => ({
      seq: Number(event.revision) + 1,
      id: event.id,
      hash: hashOf(event),
    }));
  }
}

function hashOf(event: RecordedEvent): string | null {
  return event.metadata.journal?.hash ?? null;
}
