import type { EventStore, SubscribeOptions } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { createSql } from '@keyfleet/postgres';
import { pause } from '../projections/pause.js';
import { runProjection } from '../projections/run.js';
import { notesProjection } from './notes.js';

/**
 * A projector of its own process, for tests that stop and kill it. Tells its steps on stdout, one a line.
 * Most of its time passes inside a transaction, or between having read a batch and beginning one (`LINGER=between`),
 * so that is where it is stopped.
 */
const inside = process.env.LINGER !== 'between';
const LINGER_MS = 25;
const never = new AbortController().signal;

const sql = createSql({
  url: String(process.env.WORKER_URL),
  applicationName: 'child',
  max: 3,
  idleInTransactionTimeoutMs: 500,
});
const store = createPostgresEventStore({ url: String(process.env.STORE_URL) });
const projection = notesProjection();

async function* subscribe(options: SubscribeOptions): ReturnType<EventStore['subscribe']> {
  for await (const items of store.subscribe(options)) {
    if (!inside) await pause(LINGER_MS, never);
    yield items;
  }
}

await runProjection({
  sql,
  store: Object.assign(Object.create(store) as EventStore, {
    subscribe,
    comparePositions: store.comparePositions.bind(store),
  }),
  projection: {
    ...projection,
    apply: async (events, context) => {
      const changes = await projection.apply(events, context);
      if (inside) await context.tx`select pg_sleep(${LINGER_MS / 1000})`;
      return changes;
    },
  },
  leaseTtlMs: 600,
  renewEveryMs: 150,
  retryMs: 50,
  batchSize: 20,
  signal: never,
  onStep: ({ kind }) => process.stdout.write(`${kind}\n`),
});
