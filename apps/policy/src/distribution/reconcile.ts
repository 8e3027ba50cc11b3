import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { failpoint } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { Bundle, BundleMaker } from './bundles.js';
import { type AgentRow, readAgents, readGroups, type Wanted, writeDesired } from './desired-table.js';
import type { Fence } from './lease.js';
import type { DistributionMetrics } from './metrics.js';
import { type Plan, planFor } from './plan.js';
import type { KnownPolicy } from './policy-book.js';

export interface ReconcileParts {
  readonly sql: Sql;
  readonly bundles: BundleMaker;
  readonly clock: Clock;
  readonly metrics: Pick<DistributionMetrics, 'reconciled' | 'tooLarge'>;
}

export interface Reconciled {
  /** Of the organisation, that may connect. */
  readonly agents: number;
  readonly changed: number;
  /** Policies that some agent did not get, because its bundle would be too large. */
  readonly blocked: ReadonlySet<string>;
}

/**
 * Brings the table of what agents should decide by to what policies, groups, labels and reports say, for one
 * organisation. Nothing changes where it does so already.
 */
export async function reconcile(
  { sql, bundles, clock, metrics }: ReconcileParts,
  fence: Fence,
  orgId: string,
  policies: ReadonlyMap<string, KnownPolicy>,
): Promise<Reconciled> {
  const began = performance.now();
  const [agents, groups] = await Promise.all([readAgents(sql, orgId), readGroups(sql, orgId)]);
  const plan = planFor(policies.values(), agents, groups);
  const blocked = new Set<string>();
  const made = plan.contents.map((refs) => {
    const bundle = bundles.make(orgId, refs, policies);
    if (bundle) return bundle;
    for (const { policyId } of refs) blocked.add(policyId);
    metrics.tooLarge();
    return null;
  });
  const wanted = agents.flatMap((agent) => wantedBy(agent, plan, made));
  const options = { sql, fence, orgId, now: toTimestamp(clock.now()) };
  const changed = wanted.length > 0 ? await writeDesired(options, wanted) : 0;
  if (changed > 0) await failpoint('distribution.after-desired');
  metrics.reconciled(agents.length, changed, (performance.now() - began) / 1_000);
  return { agents: agents.length, changed, blocked };
}

/** Nothing is written for an agent that has what it should, or that never had any policy and should have none. */
function wantedBy(agent: AgentRow, plan: Plan, made: readonly (Bundle | null)[]): Wanted[] {
  const { agentId, hash, ahead, reports } = agent;
  const bundle = made[plan.contentOf.get(agentId) ?? -1];
  if (!bundle) return [];
  const isFirst = hash === null && !reports;
  if (isFirst && bundle.policies.length === 0) return [];
  return hash === bundle.hash && !ahead ? [] : [{ agentId, bundle }];
}
