import type { EventStore, StreamAppend } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { at, type Bench, type Figure } from './bench.js';
import { CopyAnchor } from './copy.js';
import { BenchServer } from './database.js';
import { inTurns } from './rounds.js';
import { fill, type JournalOf } from './workload.js';

const BATCH = 500;
/** Of one turn. */
const EVENTS = 60_000;
const CALLERS = 8;
const ROUNDS = 7;

/** Batches of 500 by a few callers at once, beside one COPY of the same rows into a table of the same make. */
export const appendBatch: Bench = {
  name: 'append-batch',
  about: 'batches of 500 events, beside raw COPY of the same rows into the same table',
  sizes: [100_000, 1_000_000],
  run: async ({ directory, sizes, say }) => {
    const server = await BenchServer.start(directory);
    try {
      const figures: Figure[] = [];
      for (const size of sizes) {
        const { urlFor, superuserUrl } = await server.migratedDatabase(`keyfleet_${size}`);
        const store = createPostgresEventStore({ url: urlFor('kf_store'), name: 'bench' });
        say(`${size} events beforehand`);
        const journals = await fill(store, size);
        const anchor = new CopyAnchor(superuserUrl);
        await anchor.prepare();
        say(`${ROUNDS} turns of ${EVENTS} events`);
        const { figure, anchorFigure } = await inTurns(
          ROUNDS,
          () => appended(store, journals),
          async () => anchor.copy(await anchor.rows(EVENTS), EVENTS),
        );
        figures.push({
          name: at('append-batch', size),
          figure,
          unit: 'events/s',
          anchor: { name: 'COPY', figure: anchorFigure },
        });
        await anchor.close();
        await store.close();
      }
      return figures;
    } finally {
      await server.stop();
    }
  },
};

async function appended(store: EventStore, journals: JournalOf[]): Promise<number> {
  const batches: StreamAppend[] = Array.from({ length: EVENTS / BATCH }, () => {
    const journal = journals.shift() as JournalOf;
    journals.push(journal);
    return journal.next(BATCH);
  });
  const started = performance.now();
  const caller = async (): Promise<void> => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      const { outcome } = await store.append(batch.stream, batch.expectedRevision, batch.events);
      if (outcome !== 'appended') throw new Error('an append of the only writer met a conflict');
    }
  };
  batches.reverse();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (EVENTS * 1_000) / (performance.now() - started);
}
