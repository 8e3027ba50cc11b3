import { beginTransaction, closeSql, createSql, type Executor, type Sql } from '@keyfleet/postgres';
import type { Place } from './place.js';
import { KEPT_TABLES, type Reader } from './tables.js';

/** One moment of the database, seen by each role that may see its part. */
export interface Snapshot {
  as(reader: Reader): Executor;
  close(): Promise<void>;
}

const READERS = ['store', 'worker', 'identity'] as const satisfies readonly Reader[];

/** It lasts as long as the backup: no timeout may end it. */
export function openPool(url: string, applicationName = 'keyfleet-backup'): Sql {
  return createSql({
    url,
    applicationName,
    max: 1,
    statementTimeoutMs: 0,
    idleInTransactionTimeoutMs: 0,
    lockTimeoutMs: 0,
  });
}

/**
 * The first transaction exports its snapshot, the others take it: rows of every table are those of one moment, and each
 * table is read by a role that reads it every day. Nobody needs a right to everything.
 */
export async function openSnapshot(place: Pick<Place, 'url'>): Promise<Snapshot> {
  const pools: Sql[] = [];
  const sessions = new Map<Reader, Awaited<ReturnType<typeof beginTransaction>>>();
  const close = async (): Promise<void> => {
    await Promise.all([...sessions.values()].map((session) => session.rollback()));
    await Promise.all(pools.map((pool) => closeSql(pool)));
  };
  try {
    let exported: string | undefined;
    for (const reader of READERS) {
      const pool = openPool(place.url(reader));
      pools.push(pool);
      const session = await beginTransaction(pool, { isolation: 'repeatable read', readOnly: true });
      sessions.set(reader, session);
      if (exported === undefined) {
        const [row] = await session.sql<{ id: string }[]>`select pg_export_snapshot() as id`;
        exported = (row as { id: string }).id;
      } else await session.sql.unsafe(`set transaction snapshot '${checkedSnapshot(exported)}'`).simple();
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { as: (reader) => (sessions.get(reader) as { sql: Executor }).sql, close };
}

function checkedSnapshot(id: string): string {
  if (!/^[0-9A-F-]+$/i.test(id)) throw new TypeError('not a snapshot');
  return id;
}

/** Columns as they stand in the table, in their order; of a generated one nothing would be taken. */
export async function columnsOf(snapshot: Snapshot): Promise<{ name: string; columns: string[] }[]> {
  const described: { name: string; columns: string[] }[] = [];
  for (const { name, reader } of KEPT_TABLES) {
    const rows = await snapshot.as(reader)<{ column: string }[]>`
      select attname as column from pg_attribute
      where attrelid = ${name}::regclass and attnum > 0 and not attisdropped and attgenerated = ''
      order by attnum`;
    described.push({ name, columns: rows.map(({ column }) => column) });
  }
  return described;
}
