import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { createSql } from '@keyfleet/postgres';
import { runProjection } from '../projections/run.js';
import { notesProjection } from './notes.js';

/** A projector of its own process, for tests that stop and kill it. Tells its steps on stdout, one a line. */
const sql = createSql({
  url: String(process.env.WORKER_URL),
  applicationName: 'child',
  max: 3,
  idleInTransactionTimeoutMs: 500,
});
const projection = notesProjection();
await runProjection({
  sql,
  store: createPostgresEventStore({ url: String(process.env.STORE_URL) }),
  projection: {
    ...projection,
    // Most of its time passes inside a transaction, so that is where it is stopped.
    apply: async (events, context) => {
      const changes = await projection.apply(events, context);
      await context.tx`select pg_sleep(0.02)`;
      return changes;
    },
  },
  leaseTtlMs: 600,
  renewEveryMs: 150,
  retryMs: 50,
  batchSize: 20,
  signal: new AbortController().signal,
  onStep: ({ kind }) => process.stdout.write(`${kind}\n`),
});
