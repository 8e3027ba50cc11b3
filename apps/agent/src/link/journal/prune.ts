import type { SqliteDatabase } from '../../storage/sqlite/database.js';

/** Entries dropped in one transaction: enough for an hour of a busy agent. */
const STEP = 2_000;

interface Row {
  readonly rowid: number;
  readonly bytes: number;
  readonly acknowledgedAt: number;
}

/**
 * Drops acknowledged entries from the oldest on, while they were acknowledged before a time or all of them exceed the
 * bytes. It stops at the first to be kept, so that what is kept has no holes, whatever the clock did.
 */
export function createPrune(database: SqliteDatabase): (keep: { before: number; bytes: number }) => void {
  const { handle } = database;
  const total = handle
    .prepare<[], number>('SELECT coalesce(sum(bytes), 0) FROM journal WHERE acknowledged_at IS NOT NULL')
    .pluck();
  const oldest = handle.prepare<[number], Row>(
    `SELECT rowid, bytes, acknowledged_at AS acknowledgedAt FROM journal
     WHERE acknowledged_at IS NOT NULL ORDER BY epoch, seq LIMIT ?`,
  );
  const drop = handle.prepare<[number]>('DELETE FROM journal WHERE rowid = ?');

  const step = (keep: { before: number; bytes: number }): number =>
    database.transaction(() => {
      let excess = (total.get() as number) - keep.bytes;
      let dropped = 0;
      for (const row of oldest.all(STEP)) {
        if (row.acknowledgedAt >= keep.before && excess <= 0) break;
        drop.run(row.rowid);
        excess -= row.bytes;
        dropped += 1;
      }
      return dropped;
    });

  return (keep) => {
    while (step(keep) === STEP);
  };
}
