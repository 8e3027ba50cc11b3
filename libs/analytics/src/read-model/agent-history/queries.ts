import { parseFilter } from '@keyfleet/contracts';
import { AGENT_STATES, type AgentState, type AgentView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import {
  type Cursors,
  type FilterField,
  type FilterFields,
  filterSql,
  tenantQuery,
} from '@keyfleet/read-store';
import { type SqlBool, sql } from 'kysely';
import type { EventTables } from '../events/table.js';
import type { AgentHistoryTable, AgentHistoryTables } from './table.js';

export interface AgentsAsOf {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
  /** RFC 3339, by the time of recording. */
  readonly asOf: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

const STATE = sql<AgentState>`case when h.revoked then 'revoked' else h.liveness end`;

const FIELDS: ReadonlyMap<string, FilterField> = new Map([
  ['id', { type: 'text', sql: sql`h.agent_id` }],
  ['name', { type: 'text', sql: sql`h.name` }],
  ['version', { type: 'text', sql: sql`h.version` }],
  ['state', { type: 'text', sql: STATE, values: AGENT_STATES }],
  ['enrolledAt', { type: 'time', sql: sql`h.enrolled_at` }],
  ['certificateExpiresAt', { type: 'time', sql: sql`h.certificate_expires_at` }],
]);

const AGENT_FIELDS: FilterFields = {
  keys: () => [...FIELDS.keys(), 'labels.<key>'],
  get: fieldNamed,
};

function fieldNamed(name: string): FilterField | undefined {
  if (!name.startsWith('labels.')) return FIELDS.get(name);
  const key = name.slice('labels.'.length);
  return {
    type: 'text',
    sql: sql`h.labels ->> ${key}::text`,
    equals: (value) => sql<SqlBool>`h.labels ->> ${key}::text = ${value}::text`,
  };
}

/** A page of the fleet as it was known at a past moment, by name. Facts only: what beats said is not kept, so it is null. */
export async function agentsAsOf(
  list: AgentsAsOf,
): Promise<{ readonly items: readonly AgentView[]; readonly nextCursor: string | null }> {
  const { cursors, orgId, asOf, limit } = list;
  const listName = ['agents-as-of', orgId, asOf, list.filter ?? ''];
  const condition = list.filter ? filterSql(parseFilter(list.filter), AGENT_FIELDS) : undefined;
  const place = list.cursor === undefined ? undefined : cursors.decode(listName, list.cursor, 2);
  const rows = await tenantQuery<AgentHistoryTables & EventTables, Row>(list.sql, orgId, (db, org) => {
    let query = db
      .selectFrom('analytics.agent_history as h')
      .select([
        'h.agent_id',
        'h.name',
        'h.labels',
        'h.version',
        STATE.as('state'),
        'h.enrolled_at',
        'h.certificate_expires_at',
        'h.epoch',
      ])
      .select((row) => [
        row
          .selectFrom('analytics.events as e')
          .select(sql<bigint>`e.revision + 1`.as('seq'))
          .where('e.org_id', '=', org)
          .whereRef('e.agent_id', '=', 'h.agent_id')
          .where(sql<boolean>`e.stream = 'journal-' || h.agent_id || '.' || h.epoch`)
          .where('e.recorded_at', '<=', asOf)
          .orderBy('e.position', 'desc')
          .limit(1)
          .as('seq'),
      ])
      .where('h.org_id', '=', org)
      .where('h.valid_from', '<=', asOf)
      .where((where) => where.or([where('h.valid_to', 'is', null), where('h.valid_to', '>', asOf)]));
    if (condition) query = query.where(condition);
    if (place)
      query = query.where(sql<boolean>`(h.name, h.agent_id) > (${place[0]}::text, ${place[1]}::text)`);
    return query
      .orderBy('h.name')
      .orderBy('h.agent_id')
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items: items.map(toView),
    nextCursor: last ? cursors.encode(listName, [last.name, last.agent_id]) : null,
  };
}

type Row = Pick<
  AgentHistoryTable,
  'agent_id' | 'name' | 'labels' | 'version' | 'enrolled_at' | 'certificate_expires_at' | 'epoch'
> & { readonly state: AgentState; readonly seq: bigint | null };

function toView(row: Row): AgentView {
  return {
    id: row.agent_id,
    name: row.name,
    state: row.state,
    version: row.version,
    labels: row.labels,
    lastSeenAt: null,
    enrolledAt: row.enrolled_at,
    policy: null,
    journal: { epoch: row.epoch, seq: Number(row.seq ?? 0) },
    secrets: null,
    storage: null,
    seal: null,
    lastEvent: null,
    certificateExpiresAt: row.certificate_expires_at,
  };
}
