import type { Handle, SqliteDatabase } from './database.js';

/** Lines dropped in one transaction, so that requests get their turn in between. */
const STEP = 2_000;

/** Drops old audit lines; the chain goes on from the anchor, which keeps number and hash of the last one dropped. */
export function createRetain(
  database: SqliteDatabase,
): (limits: { before: string; lines: number }) => Promise<number> {
  const { handle } = database;
  const newest = handle.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM audit').pluck();
  const oldest = handle.prepare<[], { seq: number; at: string }>(
    'SELECT seq, at FROM audit ORDER BY seq LIMIT 1',
  );
  const firstKept = handle
    .prepare<[string, number], number>('SELECT min(seq) FROM audit WHERE at >= ? AND seq >= ?')
    .pluck();
  const last = handle.prepare('SELECT seq, hash FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT 1');
  const anchor = handle.prepare('INSERT INTO audit_anchor (seq, hash) VALUES (@seq, @hash)');
  const drop = handle.prepare('DELETE FROM audit WHERE seq < ?');
  const marks = handle.prepare('DELETE FROM usage_reported WHERE minute < ?');

  const dropBelow = (seq: number): number =>
    database.transaction(() => {
      const kept = last.get(seq);
      if (!kept) return 0;
      handle.exec('DELETE FROM audit_anchor');
      anchor.run(kept);
      return drop.run(seq).changes;
    });

  return async ({ before, lines }) => {
    const head = newest.get() as number;
    const byCount = head - lines + 1;
    const target = Math.max(byCount, firstKept.get(before, 0) ?? head + 1);
    let dropped = 0;
    for (let first = oldest.get()?.seq; first !== undefined && first < target; first = oldest.get()?.seq) {
      dropped += dropBelow(Math.min(first + STEP, target));
      await new Promise((resolve) => setImmediate(resolve));
    }
    database.transaction(() => marks.run(before));
    return dropped;
  };
}

/** From the marks of reported minutes, whose key is an index; audit lines have none by time. */
export function createDaysReported(handle: Handle): (from: string, to: string) => number {
  const days = handle
    .prepare<[string, string], number>(
      'SELECT count(DISTINCT substr(minute, 1, 10)) FROM usage_reported WHERE minute >= ? AND minute < ?',
    )
    .pluck();
  return (from, to) => days.get(from, to) as number;
}
