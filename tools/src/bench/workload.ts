import { GENESIS_HASH, journalStream } from '@keyfleet/contracts';
import type { EventStore, NewEvent, StreamAppend } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';

/** One agent whose journal grows: what ingest appends for it, without the chain being computed. */
export class JournalOf {
  readonly agentId = newId('agt');
  readonly orgId: string;
  #revision = -1n;

  constructor(orgId: string) {
    this.orgId = orgId;
  }

  /** The next so many entries, as one append. */
  next(entries: number): StreamAppend {
    const expectedRevision = this.#revision < 0n ? 'no-stream' : this.#revision;
    const events = Array.from({ length: entries }, (_, n) => this.#event(Number(this.#revision) + n + 1));
    this.#revision += BigInt(entries);
    return { stream: journalStream(this.agentId, 1), expectedRevision, events };
  }

  #event(n: number): NewEvent {
    const { agentId, orgId } = this;
    const hash = (of: number): string => (of < 0 ? GENESIS_HASH : of.toString(16).padStart(64, '9'));
    return {
      id: newId('evt'),
      type: n % 4 === 0 ? 'SecretCreated' : 'SecretUpdated',
      v: 1,
      data: { path: `team/app-${n % 50}/db-password`, version: n + 1, principal: 'app:billing' },
      metadata: {
        orgId,
        actor: agentId,
        at: new Date(1_760_000_000_000 + n * 1_000).toISOString(),
        journal: { prev: hash(n - 1), hash: hash(n) },
      },
    };
  }
}

/** The store has so many events before anything is measured; journals of a few hundred agents. */
export async function fill(
  store: EventStore,
  events: number,
  orgId: string = newId('org'),
): Promise<JournalOf[]> {
  const journals = Array.from({ length: 200 }, () => new JournalOf(orgId));
  for (let written = 0; written < events; ) {
    const left = events - written;
    const batch = journals.slice(0, Math.min(20, Math.ceil(left / 500)));
    journals.push(...journals.splice(0, batch.length));
    await store.appendBatch(
      batch.map((journal) => journal.next(Math.min(500, Math.ceil(left / batch.length)))),
    );
    written += batch.length * Math.min(500, Math.ceil(left / batch.length));
  }
  return journals;
}
