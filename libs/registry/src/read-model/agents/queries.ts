import { parseFilter } from '@keyfleet/contracts';
import { AGENT_STATES, type AgentState, type AgentView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, filterSql, type OrgOfScope, scopedStatement, tenantPage } from '@keyfleet/read-store';
import { type Kysely, sql } from 'kysely';
import { AGENT_FIELDS, AGENT_SORTS, type AgentSort, STATE } from './fields.js';
import type { AgentTables } from './tables.js';

/** One organisation's agents, over a connection as `kf_reader`. */
export interface AgentScope {
  readonly sql: Sql;
  readonly orgId: string;
}

export interface AgentList extends AgentScope {
  readonly cursors: Cursors;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
  /** `name` by default. */
  readonly sort?: AgentSort | undefined;
}

function agentsOf(db: Kysely<AgentTables>, org: OrgOfScope) {
  return db
    .selectFrom('registry.agents as a')
    .innerJoin('registry.detection_now as d', (join) => join.onTrue())
    .leftJoin('registry.agent_last_seen as s', (join) =>
      join.onRef('s.agent_id', '=', 'a.agent_id').on('s.org_id', '=', org),
    )
    .where('a.org_id', '=', org);
}

function rowsOf(db: Kysely<AgentTables>, org: OrgOfScope) {
  return agentsOf(db, org).select([
    'a.agent_id',
    'a.name',
    STATE.as('state'),
    'a.version',
    'a.labels',
    'a.enrolled_at',
    'a.certificate_expires_at',
    'a.journal_epoch',
    'a.journal_seq',
    'a.last_event_type',
    'a.last_event_at',
    'a.revision',
    's.seen_at',
    's.policy_version',
    's.policy_hash',
    's.secrets',
    's.storage',
    's.seal',
  ]);
}

type AgentRow = Awaited<ReturnType<ReturnType<typeof rowsOf>['execute']>>[number];

/** A page of agents. Throws `filter.invalid` and `cursor.invalid`. */
export async function listAgents(
  list: AgentList,
): Promise<{ readonly items: readonly AgentView[]; readonly nextCursor: string | null }> {
  const { sort = 'name' } = list;
  const { key, type } = AGENT_SORTS[sort.replace('-', '') as keyof typeof AGENT_SORTS];
  const condition = list.filter ? filterSql(parseFilter(list.filter), AGENT_FIELDS) : undefined;
  const { rows, nextCursor } = await tenantPage<AgentTables, AgentRow>(
    {
      ...list,
      list: ['agents', list.filter ?? '', sort],
      keys: [
        { sql: key, type },
        { sql: sql`a.agent_id`, type: 'text' },
      ],
      descending: sort.startsWith('-'),
    },
    (db, org) => (condition ? rowsOf(db, org).where(condition) : rowsOf(db, org)),
  );
  return { items: rows.map(toView), nextCursor };
}

const agentById = scopedStatement<AgentTables, AgentRow, [agentId: string]>((db, org, agentId) =>
  rowsOf(db, org).where('a.agent_id', '=', agentId),
);

/** With its ETag; `null` where the organisation has no such agent. */
export async function getAgent(
  { sql: database, orgId }: AgentScope,
  agentId: string,
): Promise<{ readonly view: AgentView; readonly revision: string } | null> {
  const [row] = await agentById(database, orgId, agentId);
  return row ? { view: toView(row), revision: String(row.revision) } : null;
}

const agentsById = scopedStatement<AgentTables, AgentRow, [agentIds: readonly string[]]>(
  (db, org, agentIds) =>
    rowsOf(db, org)
      .where(sql<boolean>`a.agent_id = any(${agentIds}::text[])`)
      .orderBy('a.name')
      .orderBy('a.agent_id'),
);

/** Those of these ids that the organisation has, by name. */
export async function getAgents(
  { sql: database, orgId }: AgentScope,
  agentIds: readonly string[],
): Promise<readonly AgentView[]> {
  return (await agentsById(database, orgId, agentIds)).map(toView);
}

const agentsByState = scopedStatement<AgentTables, { state: AgentState; agents: bigint }, []>((db, org) =>
  agentsOf(db, org)
    .select([STATE.as('state'), sql<bigint>`count(*)`.as('agents')])
    .groupBy(STATE),
);

export async function countAgentsByState({
  sql: database,
  orgId,
}: AgentScope): Promise<Readonly<Record<AgentState, number>>> {
  const rows = await agentsByState(database, orgId);
  const counts = new Map(rows.map(({ state, agents }) => [state, Number(agents)]));
  return Object.fromEntries(AGENT_STATES.map((state) => [state, counts.get(state) ?? 0])) as Record<
    AgentState,
    number
  >;
}

function toView(row: AgentRow): AgentView {
  return {
    id: row.agent_id,
    name: row.name,
    state: row.state,
    version: row.version,
    labels: row.labels,
    lastSeenAt: row.seen_at,
    enrolledAt: row.enrolled_at,
    policy:
      row.policy_version === null || row.policy_hash === null
        ? null
        : { version: Number(row.policy_version), hash: row.policy_hash },
    journal: { epoch: row.journal_epoch, seq: Number(row.journal_seq) },
    secrets: row.secrets === null ? null : Number(row.secrets),
    storage: row.storage,
    seal: row.seal,
    lastEvent: { type: row.last_event_type, at: row.last_event_at },
    certificateExpiresAt: row.certificate_expires_at,
  };
}
