import { scopedStatement } from '@keyfleet/read-store';
import { sql } from 'kysely';
import type { PolicyScope } from './queries.js';
import type { PoliciesTable, PolicyTables } from './tables.js';

/** How a policy stands, without its documents: all that decides whether a change of it is taken. */
export interface PolicyStanding {
  readonly id: string;
  readonly name: string;
  readonly state: PoliciesTable['state'];
  readonly assignments: PoliciesTable['assignments'];
  readonly rollout: PoliciesTable['rollout'];
}

type Row = Pick<PoliciesTable, 'policy_id' | 'name' | 'state' | 'assignments' | 'rollout'>;

const standingsById = scopedStatement<PolicyTables, Row, [policyIds: readonly string[]]>(
  (db, org, policyIds) =>
    db
      .selectFrom('policy.policies as p')
      .select(['p.policy_id', 'p.name', 'p.state', 'p.assignments', 'p.rollout'])
      .where('p.org_id', '=', org)
      .where(sql<boolean>`p.policy_id = any(${policyIds}::text[])`),
);

/** Those of these ids that the organisation has, in no order. */
export async function getPolicyStandings(
  { sql: database, orgId }: PolicyScope,
  policyIds: readonly string[],
): Promise<readonly PolicyStanding[]> {
  return (await standingsById(database, orgId, policyIds)).map(standingOf);
}

export function standingOf({ policy_id: id, ...row }: Row): PolicyStanding {
  const { name, state, assignments, rollout } = row;
  return { id, name, state, assignments, rollout };
}
