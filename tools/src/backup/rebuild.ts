import type { EventStore } from '@keyfleet/event-store';
import { directoryProjection } from '@keyfleet/identity/read-model';
import { closeSql, createSql } from '@keyfleet/postgres';
import { type Projection, runProjection, waitForPosition } from '@keyfleet/read-store';
import { enrolmentTokensProjection, groupsProjection, watchedAgents } from '@keyfleet/registry/read-model';
import { BackupFailure } from './failure.js';

/**
 * What commands and detection decide by. It is there before anybody asks: with an empty directory the first start would
 * found its organisations anew. The rest (inventory, timeline, history) is rebuilt by its services while they serve.
 */
const FIRST: readonly Projection[] = [
  directoryProjection,
  groupsProjection,
  enrolmentTokensProjection,
  watchedAgents,
];
const PATIENCE_MS = 3_600_000;

/** How many streams are parked afterwards. */
export async function rebuildFirst(workerUrl: string, store: EventStore): Promise<number> {
  const sql = createSql({ url: workerUrl, applicationName: 'keyfleet-restore', max: 4 });
  const stop = new AbortController();
  const running = FIRST.map((projection) => runProjection({ sql, store, projection, signal: stop.signal }));
  try {
    const reached = await waitForPosition(sql, {
      projections: FIRST.map(({ name }) => name),
      position: await store.headPosition(),
      ceilingMs: PATIENCE_MS,
    });
    if (!reached)
      throw new BackupFailure('restore.check-failed', 'The directory could not be rebuilt in time.');
    return await parkedStreams(sql);
  } finally {
    stop.abort();
    await Promise.all(running);
    await closeSql(sql);
  }
}

/** Streams that could not be read, as they could not before: they wait where they are, and everything else goes on. */
async function parkedStreams(sql: ReturnType<typeof createSql>): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from projections.parked_streams`;
  return row?.n ?? 0;
}
