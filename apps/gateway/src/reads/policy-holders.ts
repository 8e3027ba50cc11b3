import type { DesiredTables } from '@keyfleet/policy/read-model';
import { scopedStatement } from '@keyfleet/read-store';
import type { AgentTables } from '@keyfleet/registry/read-model';
import { sql } from 'kysely';
import type { PolicyHolders } from './policy-reads.js';
import type { TargetScope } from './policy-targets.js';

interface Row {
  readonly policy_id: string;
  readonly version: number;
  readonly agents: bigint;
}

const IN_BUNDLES = sql<{ value: unknown }>`jsonb_array_elements(w.policies)`;
const POLICY_ID = sql<string>`p.value ->> 'policyId'`;
const VERSION = sql<number>`(p.value ->> 'version')::int`;

const holdersOf = scopedStatement<AgentTables & DesiredTables, Row, [policyIds: readonly string[]]>(
  (db, org, policyIds) =>
    db
      .selectFrom('policy.desired as w')
      .innerJoin('registry.agents as a', (join) =>
        join.onRef('a.agent_id', '=', 'w.agent_id').on('a.org_id', '=', org),
      )
      .innerJoin(IN_BUNDLES.as('p'), (join) => join.onTrue())
      .select([POLICY_ID.as('policy_id'), VERSION.as('version'), sql<bigint>`count(*)`.as('agents')])
      .where('w.org_id', '=', org)
      .where('a.revoked_at', 'is', null)
      .where(sql<boolean>`${POLICY_ID} = any(${policyIds}::text[])`)
      .groupBy([POLICY_ID, VERSION]),
);

/** How many agents should decide by each version of these policies, without those revoked. */
export async function policyHolders(
  { sql: database, orgId }: TargetScope,
  policyIds: readonly string[],
): Promise<readonly PolicyHolders[]> {
  const rows = await holdersOf(database, orgId, policyIds);
  return rows.map(({ policy_id: policyId, version, agents }) => ({
    ...{ policyId, version, agents: Number(agents) },
  }));
}
