import type { Sql } from './sql.js';

/**
 * Ends sessions of this role that have waited for so long in the middle of a statement for their own client, and
 * answers how many. A process frozen between preparing a statement and running it is active to the server, so that no
 * timeout of PostgreSQL 15 or 16 ends its transaction, and it keeps its row locks for as long as it is frozen.
 */
export async function endFrozenSessions(sql: Sql, afterMs = 10_000): Promise<number> {
  const ended = await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where usename = current_user and state = 'active' and wait_event = 'ClientRead' and query !~* '^[[:space:]]*copy[[:space:]]'
      and state_change < clock_timestamp() - ${`${afterMs} milliseconds`}::interval`;
  return ended.length;
}
