import { parseFilter } from '@keyfleet/contracts';
import type { EventView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, tenantQuery } from '@keyfleet/read-store';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { EventTables, InstallationEventsTable } from './table.js';

export interface EventList {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
  readonly type?: string | undefined;
  readonly agentId?: string | undefined;
  /** RFC 3339; by `at`, what the source claims. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const FIELDS: ReadonlyMap<string, FilterField> = new Map([
  ['id', { type: 'text', sql: sql`e.id` }],
  ['type', { type: 'text', sql: sql`e.type` }],
  ['agentId', { type: 'text', sql: sql`e.agent_id` }],
  ['actor', { type: 'text', sql: sql`e.actor` }],
  ['stream', { type: 'text', sql: sql`e.stream` }],
  ['at', { type: 'time', sql: sql`e.at` }],
  ['recordedAt', { type: 'time', sql: sql`e.recorded_at` }],
]);

/** A page of events, newest first; those of the installation too. Throws `filter.invalid` and `cursor.invalid`. */
export async function listEvents(
  list: EventList,
): Promise<{ readonly items: readonly EventView[]; readonly nextCursor: string | null }> {
  const { cursors, orgId, limit, filter, type, agentId, from, to } = list;
  const place = ['events', orgId, filter ?? '', type ?? '', agentId ?? '', from ?? '', to ?? ''];
  const before = list.cursor === undefined ? undefined : cursors.decode(place, list.cursor, 1)[0];
  const conditions = conditionsOf(list, before ?? undefined);
  const rows = await tenantQuery<EventTables, Row>(list.sql, orgId, (db, org) => {
    // Each walks along an index in the order of the page and ends with it; then the two are merged.
    const own = db
      .selectFrom('analytics.events as e')
      .select(COLUMNS)
      .where((where) => where.and([sql<SqlBool>`e.org_id = ${org}`, ...conditions]))
      .orderBy('e.position', 'desc')
      .limit(limit + 1);
    const everybodys = db
      .selectFrom('analytics.installation_events as e')
      .select(COLUMNS)
      .where((where) => where.and([...conditions]))
      .orderBy('e.position', 'desc')
      .limit(limit + 1);
    const both = db
      .selectFrom(own.as('own'))
      .selectAll()
      .unionAll(db.selectFrom(everybodys.as('everybodys')).selectAll());
    return db
      .selectFrom(both.as('e'))
      .selectAll()
      .orderBy('e.position', 'desc')
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items: items.map(toView),
    nextCursor: last ? cursors.encode(place, [String(last.position)]) : null,
  };
}

const COLUMNS = [
  'e.position',
  'e.id',
  'e.type',
  'e.v',
  'e.at',
  'e.recorded_at',
  'e.stream',
  'e.actor',
  'e.data',
] as const;

function conditionsOf(list: EventList, before: string | undefined): RawBuilder<SqlBool>[] {
  const { filter, type, agentId, from, to } = list;
  return [
    ...(type === undefined ? [] : [sql<SqlBool>`e.type = ${type}::text`]),
    ...(agentId === undefined ? [] : [sql<SqlBool>`e.agent_id = ${agentId}::text`]),
    ...(from === undefined ? [] : [sql<SqlBool>`e.at >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql<SqlBool>`e.at < ${to}::timestamptz`]),
    ...(filter === undefined || filter === '' ? [] : [filterSql(parseFilter(filter), FIELDS)]),
    ...(before === undefined ? [] : [sql<SqlBool>`e.position < ${before}::text::bigint`]),
  ];
}

type Row = Omit<InstallationEventsTable, 'revision' | 'agent_id'>;

function toView({ recorded_at, position, ...row }: Row): EventView {
  return { ...row, recordedAt: recorded_at, position: String(position) };
}
