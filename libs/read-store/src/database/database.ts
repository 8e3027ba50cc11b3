import { closeSql, createSql, type Sql, type SqlOptions } from '@keyfleet/postgres';
import { Kysely } from 'kysely';
import { dialectOf } from './dialect.js';

/** One pool, seen as Kysely (typed queries) and as `sql` (what a builder cannot say: NOTIFY, catalogue, functions). */
export interface Database<Tables> {
  readonly db: Kysely<Tables>;
  readonly sql: Sql;
  /** What runs may finish for a moment; then connections are cut. */
  close(): Promise<void>;
}

/** Connects when first used, and for ever again after a loss. Timeouts and types: see `SqlOptions`. */
export function createDatabase<Tables>(options: SqlOptions): Database<Tables> {
  const sql = createSql(options);
  return { db: new Kysely<Tables>({ dialect: dialectOf(sql) }), sql, close: () => closeSql(sql) };
}
