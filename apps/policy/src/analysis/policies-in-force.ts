import type { PolicyDocument } from '@keyfleet/contracts';
import type { PolicySource } from '@keyfleet/policy-engine';
import type { Sql } from '@keyfleet/postgres';

/** Which policies an organisation has, and which of them each agent is to decide by; for analyses, not for rules. */
export interface PoliciesInForce {
  /** Every published policy in its newest version, or the one before where a rollout was halted. */
  published(orgId: string): Promise<readonly PolicySource[]>;
  /** The distinct sets of policies agents have, and which of them each agent has, by index. */
  bundles(orgId: string): Promise<Bundles>;
}

export interface Bundles {
  readonly bundles: readonly (readonly PolicySource[])[];
  readonly agents: ReadonlyMap<string, number>;
}

interface VersionRow {
  readonly policy_id: string;
  readonly version: number;
  readonly document: PolicyDocument;
}

/** From the read models, over a connection as `kf_worker`: as old as they are, which is less than a second. */
export function storedPolicies(sql: Sql): PoliciesInForce {
  return {
    published: async (orgId) => {
      const rows = await sql<VersionRow[]>`
        select v.policy_id, v.version, v.document from policy.policies p
        join policy.policy_versions v on v.policy_id = p.policy_id and v.org_id = p.org_id
          and v.version = case when p.rollout ->> 'state' = 'halted'
            then (p.rollout ->> 'from')::int else p.version end
        where p.org_id = ${orgId} and p.state = 'published' order by v.policy_id`;
      return rows.map(toSource);
    },
    bundles: async (orgId) => {
      const desired = await sql<{ agent_id: string; policies: Ref[] }[]>`
        select agent_id, policies from policy.desired where org_id = ${orgId}`;
      const versions = await sql<VersionRow[]>`
        select policy_id, version, document from policy.policy_versions where org_id = ${orgId}`;
      const sources = new Map(versions.map((row) => [keyOf(toSource(row)), toSource(row)]));
      return byContent(desired, sources);
    },
  };
}

type Ref = Pick<PolicySource, 'policyId' | 'version'>;
const keyOf = ({ policyId, version }: Ref): string => `${policyId} ${version}`;

function byContent(
  desired: readonly { readonly agent_id: string; readonly policies: readonly Ref[] }[],
  sources: ReadonlyMap<string, PolicySource>,
): Bundles {
  const bundles: (readonly PolicySource[])[] = [];
  const indexes = new Map<string, number>();
  const agents = new Map<string, number>();
  for (const { agent_id, policies } of desired) {
    const key = policies.map(keyOf).join('\n');
    let index = indexes.get(key);
    if (index === undefined) {
      index = bundles.push(policies.flatMap((ref) => sources.get(keyOf(ref)) ?? [])) - 1;
      indexes.set(key, index);
    }
    agents.set(agent_id, index);
  }
  return { bundles, agents };
}

function toSource({ policy_id: policyId, version, document }: VersionRow): PolicySource {
  return { policyId, version, statements: document.statements };
}
