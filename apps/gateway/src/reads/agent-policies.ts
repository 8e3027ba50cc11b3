import { parseFilter } from '@keyfleet/contracts';
import { AGENT_POLICY_STATES, type AgentPolicyView } from '@keyfleet/contracts/http';
import type { DesiredTables } from '@keyfleet/policy/read-model';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, type OrgOfScope, tenantPage } from '@keyfleet/read-store';
import type { AgentTables } from '@keyfleet/registry/read-model';
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { AgentPolicyArgs, PolicyReads } from './policy-reads.js';

/** Agents are the registry's and policies the policy service's: only here, read-only, the two stand side by side. */
type Tables = AgentTables & DesiredTables;

/**
 * What came later, the last beat or the agent's own word that it applied a bundle. A beat without a policy counts too:
 * such an agent cannot vouch for its files any more.
 */
const BY_BEAT = sql`(r.applied_at is null or s.seen_at >= r.applied_at)`;
const VERSION: RawBuilder<bigint | null> =
  sql`case when ${BY_BEAT} then s.policy_version else r.applied_version end`;
const HASH: RawBuilder<string | null> = sql`case when ${BY_BEAT} then s.policy_hash else r.applied_hash end`;

const HAS_IT = sql`${VERSION} = w.version and ${HASH} = w.hash`;
const REFUSED_IT = sql`r.rejected_version = w.version and r.rejected_hash = w.hash`;
const SET_ASIDE = sql`r.bypassed_until is not null and r.bypassed_until > now()`;
/** While we are blind ourselves, nobody is called offline. */
const AWAY = sql`d.covered and s.state is distinct from 'online'`;

const STATE: RawBuilder<AgentPolicyView['state']> = sql`case
  when w.agent_id is null then 'none'
  when ${HAS_IT} then case when ${SET_ASIDE} then 'pending' else 'converged' end
  when ${REFUSED_IT} then 'rejected'
  when ${AWAY} then 'offline'
  else 'pending' end`;

const REASON: RawBuilder<string | null> = sql`case
  when w.agent_id is null then null
  when ${HAS_IT} then case when ${SET_ASIDE} then 'set-aside' end
  when ${REFUSED_IT} then r.rejected_code
  when ${AWAY} then 'offline'
  else 'not-yet' end`;

const FIELDS: ReadonlyMap<string, FilterField> = new Map<string, FilterField>([
  ['id', { type: 'text', sql: sql`a.agent_id` }],
  ['name', { type: 'text', sql: sql`a.name` }],
  ['state', { type: 'text', sql: STATE, values: AGENT_POLICY_STATES }],
  ['reason', { type: 'text', sql: REASON }],
  ['desired.version', { type: 'number', sql: sql`w.version` }],
  ['actual.version', { type: 'number', sql: VERSION }],
  ['since', { type: 'time', sql: sql`w.since` }],
]);

function rowsOf(db: Kysely<Tables>, org: OrgOfScope) {
  return db
    .selectFrom('registry.agents as a')
    .innerJoin('registry.detection_now as d', (join) => join.onTrue())
    .leftJoin('registry.agent_last_seen as s', (join) =>
      join.onRef('s.agent_id', '=', 'a.agent_id').on('s.org_id', '=', org),
    )
    .leftJoin('policy.desired as w', (join) =>
      join.onRef('w.agent_id', '=', 'a.agent_id').on('w.org_id', '=', org),
    )
    .leftJoin('policy.agent_reports as r', (join) =>
      join.onRef('r.agent_id', '=', 'a.agent_id').on('r.org_id', '=', org),
    )
    .select(['a.agent_id', 'a.name', 'w.version', 'w.hash', 'w.since', 'w.policies'])
    .select([STATE.as('state'), REASON.as('reason'), VERSION.as('actual_version'), HASH.as('actual_hash')])
    .where('a.org_id', '=', org)
    .where('a.revoked_at', 'is', null);
}

type Row = Awaited<ReturnType<ReturnType<typeof rowsOf>['execute']>>[number];

export interface AgentPolicyList extends AgentPolicyArgs {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
}

/** A page of what agents should decide by and what they do, by name. Throws `filter.invalid` and `cursor.invalid`. */
export async function listAgentPolicies(list: AgentPolicyList): ReturnType<PolicyReads['agentPolicies']> {
  const { filter, policy } = list;
  const conditions = [
    ...(filter ? [filterSql(parseFilter(filter), FIELDS)] : []),
    ...(policy ? [sql<SqlBool>`w.policies @> ${JSON.stringify([{ policyId: policy }])}::text::jsonb`] : []),
  ];
  const { rows, nextCursor } = await tenantPage<Tables, Row>(
    {
      ...list,
      list: ['agent-policies', filter ?? '', policy ?? ''],
      keys: [
        { sql: sql`a.name`, type: 'text' },
        { sql: sql`a.agent_id`, type: 'text' },
      ],
    },
    (db, org) => conditions.reduce((query, condition) => query.where(condition), rowsOf(db, org)),
  );
  return { items: rows.map(toView), nextCursor };
}

function toView(row: Row): AgentPolicyView {
  const { version, hash, since, actual_version: running, actual_hash: runningHash } = row;
  return {
    agentId: row.agent_id,
    name: row.name,
    state: row.state,
    desired:
      version === null || hash === null || since === null ? null : { version: Number(version), hash, since },
    actual: running === null || runningHash === null ? null : { version: Number(running), hash: runningHash },
    policies: (row.policies ?? []).map((policy) => ({ ...policy })),
    reason: row.reason,
  };
}
