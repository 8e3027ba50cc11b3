import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { newId } from '@keyfleet/platform';
import { at, type Bench, type Figure } from './bench.js';
import { BenchServer } from './database.js';
import { emmett } from './emmett.js';
import { messageDb } from './message-db.js';
import { inTurns, perSecond } from './rounds.js';
import { fill, JournalOf } from './workload.js';

const WRITERS = 64;
const ROUNDS = 5;
const MS = 2_500;

/** Single events, each durable when its append answers; many writers, and one alone. */
export const append: Bench = {
  name: 'append',
  about: "single events by 64 writers and by one, beside Emmett's PostgreSQL store and message-db",
  sizes: [100_000, 1_000_000],
  run: async ({ directory, sizes, say }) => {
    const server = await BenchServer.start(directory);
    try {
      const peers = {
        emmett: await emmett(await server.emptyDatabase('emmett')),
        messageDb: await messageDb(await server.emptyDatabase('message_db')),
      };
      const figures: Figure[] = [];
      for (const size of sizes) {
        const { urlFor } = await server.migratedDatabase(`keyfleet_${size}`);
        const store = createPostgresEventStore({ url: urlFor('kf_store'), name: 'bench' });
        say(`${size} events beforehand`);
        await fill(store, size);
        figures.push(...(await atSize(store, size, peers, say)));
        await store.close();
      }
      await peers.emmett.close();
      await peers.messageDb.close();
      return figures;
    } finally {
      await server.stop();
    }
  },
};

interface Peer {
  append(worker: number): Promise<void>;
}

async function atSize(
  store: EventStore,
  size: number,
  peers: { readonly emmett: Peer; readonly messageDb: Peer },
  say: (line: string) => void,
): Promise<Figure[]> {
  const ours = writers(store);
  const by = (workers: number, peer: Peer) => () => perSecond({ workers, ms: MS }, (n) => peer.append(n));
  say(`${WRITERS} writers beside Emmett`);
  const many = await inTurns(ROUNDS, by(WRITERS, ours), by(WRITERS, peers.emmett));
  say('one writer beside Emmett');
  const one = await inTurns(ROUNDS, by(1, ours), by(1, peers.emmett));
  say(`${WRITERS} writers beside message-db`);
  const others = await inTurns(2, by(WRITERS, ours), by(WRITERS, peers.messageDb));
  const unit = 'events/s';
  return [
    {
      name: at('append', size),
      figure: many.figure,
      unit,
      anchor: { name: 'Emmett', figure: many.anchorFigure },
    },
    {
      name: at('append-alone', size),
      figure: one.figure,
      unit,
      anchor: { name: 'Emmett', figure: one.anchorFigure },
    },
    {
      name: at('append-beside-message-db', size),
      figure: others.figure,
      unit,
      anchor: { name: 'message-db write_message', figure: others.anchorFigure },
      note: 'The peers begin with empty tables, which favours them.',
    },
  ];
}

/** Each writer has a stream of its own. */
function writers(store: EventStore): Peer {
  const journals = new Map<number, JournalOf>();
  const orgId = newId('org');
  return {
    append: async (worker) => {
      const journal = journals.get(worker) ?? new JournalOf(orgId);
      journals.set(worker, journal);
      const { stream, expectedRevision, events } = journal.next(1);
      const { outcome } = await store.append(stream, expectedRevision, events);
      if (outcome !== 'appended') throw new Error('an append of the only writer met a conflict');
    },
  };
}
