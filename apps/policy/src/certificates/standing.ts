import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import type { LivePolicy, Policy } from '@keyfleet/policy/domain';
import type { Executor } from '@keyfleet/postgres';

/** An agent and one version of a policy. */
export interface Standing {
  readonly agentId: string;
  readonly labels: string;
  readonly online: boolean;
  /** What it says it decides by. */
  readonly actual: string | null;
  /** Whether the bundle it is to decide by holds the version. */
  readonly wanted: boolean;
  /** Whether the one it says it decides by does. */
  readonly runs: boolean;
  /** Whether one that it applied once did. */
  readonly had: boolean;
  /** Why it refused the bundle it is to decide by. */
  readonly refused: string | null;
  /** Whether somebody at the machine has set its policy aside. */
  readonly bypassed: boolean;
}

export interface Question {
  readonly orgId: string;
  readonly policyId: string;
  readonly version: number;
  /** RFC 3339. */
  readonly at: string;
}

/** Every agent of an organisation that may connect. As `kf_worker`. */
export function readStandings(
  sql: Executor,
  { orgId, policyId, version, at }: Question,
): Promise<Standing[]> {
  const ref = JSON.stringify([{ policyId, version }]);
  return sql<Standing[]>`
    with holding as materialized (
      select hash from policy.bundles where org_id = ${orgId} and policies @> ${ref}::text::jsonb
    ), standing as (
      select a.agent_id, a.labels::text as labels, coalesce(s.state = 'online', false) as online,
        -- The later word counts, not the higher version: a disk may have been put back.
        case when r.applied_at is null or s.seen_at >= r.applied_at
          then s.policy_hash else r.applied_hash end as actual,
        d.hash as desired, r.bypassed_until > ${at} as bypassed,
        case when r.rejected_version = d.version and r.rejected_hash = d.hash then r.rejected_code end as refused
      from registry.agents a
      left join registry.agent_last_seen s on s.agent_id = a.agent_id
      left join policy.desired d on d.agent_id = a.agent_id
      left join policy.agent_reports r on r.agent_id = a.agent_id
      where a.org_id = ${orgId} and a.revoked_at is null
    )
    select agent_id as "agentId", labels, online, actual, refused, coalesce(bypassed, false) as bypassed,
      coalesce(desired in (select hash from holding), false) as wanted,
      coalesce(actual in (select hash from holding), false) as runs,
      exists (select from policy.agent_applied x join holding h on h.hash = x.hash
        where x.agent_id = standing.agent_id) as had
    from standing order by agent_id collate "C"` as unknown as Promise<Standing[]>;
}

type Verdict = Pick<ConvergenceCertificate['agents'][number], 'state' | 'reason'>;

/** Whether an agent has the version, and why not. */
export function verdictOn(standing: Standing, version: number, policy: Policy): Verdict {
  const { runs, bypassed, wanted, refused, online, had } = standing;
  if (runs)
    return bypassed ? { state: 'pending', reason: 'set-aside' } : { state: 'converged', reason: null };
  if (!wanted) return { state: 'none', reason: had ? 'taken-back' : notWanted(version, policy) };
  if (refused !== null) return { state: 'rejected', reason: refused };
  return online ? { state: 'pending', reason: 'not-yet' } : { state: 'offline', reason: 'offline' };
}

function notWanted(version: number, policy: Policy): string {
  if (policy.status !== 'live') return 'retired';
  const { rollout }: LivePolicy = policy;
  if (rollout?.version !== version) return 'other-version';
  return rollout.state === 'halted' ? 'halted' : 'later-wave';
}
