import type { Executor } from '@keyfleet/postgres';

/** How a version gets on with the agents it was given to. */
export interface Figures {
  /** Agents that are to decide by it. */
  readonly agents: number;
  /** Of these: online, and have neither applied nor refused it. */
  readonly waiting: number;
  /** Of these: refused the bundle with it. One that is ahead of us, as after a restore, waits for a higher number. */
  readonly rejected: number;
  /** Requests answered under it, and how many of them were denied. */
  readonly requests: number;
  readonly denied: number;
}

export async function readFigures(
  sql: Executor,
  orgId: string,
  policy: { readonly policyId: string; readonly version: number },
): Promise<Figures> {
  const wanted = JSON.stringify([{ policyId: policy.policyId, version: policy.version }]);
  const [row] = await sql<{ [Key in keyof Figures]: bigint }[]>`
    select count(*) as agents,
      count(*) filter (where online and not applied and not rejected) as waiting,
      count(*) filter (where rejected and not applied) as rejected,
      coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(denied), 0)::bigint as denied
    from (
      select coalesce(s.state = 'online', false) as online,
        coalesce(r.applied_version = d.version and r.applied_hash = d.hash, false)
          or coalesce(s.policy_version = d.version and s.policy_hash = d.hash, false) as applied,
        coalesce(r.rejected_version = d.version and r.rejected_hash = d.hash
          and r.rejected_code <> 'older', false) as rejected,
        case when r.traffic_version = d.version then r.requests end as requests,
        case when r.traffic_version = d.version then r.denied end as denied
      from policy.desired d
      join registry.agents a on a.agent_id = d.agent_id and a.revoked_at is null
      left join registry.agent_last_seen s on s.agent_id = d.agent_id
      left join policy.agent_reports r on r.agent_id = d.agent_id
      where d.org_id = ${orgId} and d.policies @> ${wanted}::text::jsonb
    ) as agent`;
  const of = (name: keyof Figures): number => Number(row?.[name] ?? 0);
  return {
    ...{ agents: of('agents'), waiting: of('waiting'), rejected: of('rejected') },
    ...{ requests: of('requests'), denied: of('denied') },
  };
}
