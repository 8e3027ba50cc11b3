import type { PolicyTarget } from '@keyfleet/contracts';
import type { BulkPoliciesRequest, BulkPolicyItem } from '@keyfleet/contracts/http';
import { KeyfleetError } from '@keyfleet/kernel';
import { foresee, type PolicyStanding } from '@keyfleet/policy/read-model';
import type { FleetReads } from '../../reads/fleet-reads.js';
import type { PolicyReads } from '../../reads/policy-reads.js';
import { changeOf } from './change-of.js';
import { itemOf, type Outcome, outcomeOf, refusalOf, type Standings } from './outcome.js';

export interface DryRunReads {
  readonly policies: PolicyReads;
  readonly fleet: FleetReads;
}

/** What would come of it by what the read models know, and how many agents each policy would meet. */
export async function dryRun(
  reads: DryRunReads,
  orgId: string,
  asked: BulkPoliciesRequest,
  standings: Standings,
): Promise<BulkPolicyItem[]> {
  const missing = asked.action === 'assign' ? await missingTarget(reads, orgId, asked.target) : null;
  const change = changeOf(asked);
  const outcomeFor = (id: string): Outcome => {
    const standing = standings.get(id);
    if (!standing) return refusalOf(new KeyfleetError('resource.not-found'));
    if (missing) return refusalOf(missing);
    try {
      return outcomeOf(foresee(change, standing));
    } catch (error) {
      return refusalOf(error);
    }
  };
  const outcomes = new Map(asked.policies.map((id) => [id, outcomeFor(id)]));
  const moved = asked.policies.filter((id) => outcomes.get(id)?.outcome === 'would');
  const agents = await agentsOf(reads.policies, orgId, { ...asked, policies: moved }, standings);
  return [...outcomes].map(([id, outcome]) => itemOf(id, outcome, standings, agents.get(id)));
}

/** As the service refuses it; null where there is something to assign to. */
async function missingTarget(
  { policies, fleet }: DryRunReads,
  orgId: string,
  target: PolicyTarget,
): Promise<KeyfleetError | null> {
  const no = (what: string) =>
    new KeyfleetError('request.invalid', {
      errors: [{ pointer: `/target/${what}Id`, message: `There is no such ${what}.` }],
    });
  if (target.kind === 'agent' && (await fleet.agent(orgId, target.agentId)) === null) return no('agent');
  if (target.kind === 'group' && (await policies.targetPreview(orgId, target)) === null) return no('group');
  return null;
}

/** How many agents each policy meets: those of the target, or those that should decide by the policy. */
async function agentsOf(
  reads: PolicyReads,
  orgId: string,
  asked: BulkPoliciesRequest,
  standings: Standings,
): Promise<ReadonlyMap<string, number>> {
  const { policies } = asked;
  if (policies.length === 0) return new Map();
  if ('target' in asked) {
    // Of a group that is no more nobody is left.
    const agents = (await reads.targetPreview(orgId, asked.target))?.agents ?? 0;
    return new Map(policies.map((id) => [id, agents]));
  }
  const holders = await reads.holders(orgId, policies);
  // A halt takes a version back from those that have it, and leaves the others alone.
  const meets = (standing: PolicyStanding | undefined, version: number) =>
    asked.action !== 'rollout' || asked.control !== 'halt' || standing?.rollout?.version === version;
  const countFor = (id: string) =>
    holders
      .filter(({ policyId, version }) => policyId === id && meets(standings.get(id), version))
      .reduce((sum, { agents }) => sum + agents, 0);
  return new Map(policies.map((id) => [id, countFor(id)]));
}
