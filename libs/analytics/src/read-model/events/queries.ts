import { parseFilter } from '@keyfleet/contracts';
import type { EventView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, tenantPage } from '@keyfleet/read-store';
import { sql } from 'kysely';
import type { EventsTable, EventTables } from './table.js';

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
  const { type, agentId, from, to } = list;
  const condition = list.filter ? filterSql(parseFilter(list.filter), FIELDS) : undefined;
  const { rows, nextCursor } = await tenantPage<EventTables, Row>(
    {
      ...list,
      list: ['events', list.filter ?? '', type ?? '', agentId ?? '', from ?? '', to ?? ''],
      keys: [{ sql: sql`e.position`, type: 'bigint' }],
      descending: true,
    },
    (db, org) => {
      let query = db
        .selectFrom('analytics.events as e')
        .select([
          'e.position',
          'e.id',
          'e.type',
          'e.v',
          'e.at',
          'e.recorded_at',
          'e.stream',
          'e.actor',
          'e.data',
        ])
        .where((where) => where.or([where('e.org_id', '=', org), where('e.org_id', 'is', null)]));
      if (type !== undefined) query = query.where('e.type', '=', type);
      if (agentId !== undefined) query = query.where('e.agent_id', '=', agentId);
      if (from !== undefined) query = query.where('e.at', '>=', from);
      if (to !== undefined) query = query.where('e.at', '<', to);
      if (condition) query = query.where(condition);
      return query;
    },
  );
  return { items: rows.map(toView), nextCursor };
}

type Row = Omit<EventsTable, 'org_id' | 'revision' | 'agent_id'>;

function toView({ recorded_at, position, ...row }: Row): EventView {
  return { ...row, recordedAt: recorded_at, position: String(position) };
}
