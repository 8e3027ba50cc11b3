import type { Sql } from '@keyfleet/postgres';
import { MARKED } from './fill.js';

export interface Compared {
  readonly projection: string;
  /** Where the version before stopped. */
  readonly upTo: bigint;
  /** Rows that events make, each with its position; or rows that agents have, which events change. */
  readonly rows: 'events' | 'agents';
}

/**
 * Whether the rows in use are those of the version before, table by table: of events, those up to the position where
 * the older one stopped; of agents, those of whom nothing was heard since. Rows that were spoiled are left out. Each
 * table is looked at in one statement, so in one moment. False also where nothing was left to compare.
 */
export async function sameRows(sql: Sql, { projection, upTo, rows }: Compared): Promise<boolean> {
  const tables = await sql<{ now: string; before: string }[]>`
    select now.physical as now, before.physical as before
      from projections.tables now join projections.tables before using (projection, logical)
     where projection = ${projection} and now.version = 1 and before.version = -1`;
  const where =
    rows === 'events'
      ? `type <> '${MARKED}' and position <= ${upTo}`
      : 'agent_id not in (select agent_id from touched)';
  const hash = (table: string): string =>
    `select count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from ${table} t where ${where}`;
  const answers = await Promise.all(
    tables.map(({ now, before }) =>
      sql.unsafe<{ now: string; before: string }[]>(
        `${touchedAfter(upTo)} select (${hash(now)}) as now, (${hash(before)}) as before`,
      ),
    ),
  );
  const found = answers.flatMap((answer) => [...answer]);
  return found.every(({ now, before }) => now === before) && found.some(({ now }) => now !== '0:0');
}

const touchedAfter = (position: bigint): string => `with touched as materialized (
  select distinct substring(stream from 'agt_[0-9a-f-]{36}') as agent_id
    from store.events join store.streams on streams.id = events.stream_id
   where position > ${position} and stream like '%agt\\_%')`;
