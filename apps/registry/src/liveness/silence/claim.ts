import type { Executor } from '@keyfleet/postgres';
import { NEVER_SEEN_AFTER_SECONDS } from '@keyfleet/registry/liveness';

const AT_ONCE = 5_000;

/**
 * Marks the agents that have been silent for as long as their groups allow, by covered time, and fixes since when. The
 * mark is the decision: it is carried out, by whomever, even where a beat comes the moment after. Gives how many.
 */
export async function claimSilent(sql: Executor, coveredMs: number): Promise<number> {
  const claimed = await sql`
    with due as (
      select row.agent_id, watched.revoked
      from registry.agent_last_seen row
      left join registry.watched_agents watched on watched.agent_id = row.agent_id
      where row.state in ('online', 'new') and row.returned_at is null
        and row.covered_ms_at_seen <= ${coveredMs}::bigint - 30000
        and row.covered_ms_at_seen <= ${coveredMs}::bigint - 1000 *
          case when row.state = 'new' then ${NEVER_SEEN_AFTER_SECONDS}::int else coalesce(watched.offline_after, 90) end
      order by row.agent_id limit ${AT_ONCE}
      for update of row skip locked
    )
    update registry.agent_last_seen row set
      state = case when due.revoked then 'revoked' else 'leaving' end,
      silent_since = coalesce(row.seen_at, row.added_at),
      silent_ms = ${coveredMs}::bigint - row.covered_ms_at_seen,
      offline_at_covered_ms = ${coveredMs}::bigint
    from due where row.agent_id = due.agent_id`;
  return claimed.count;
}

/** Agents that enrolled and have not come yet are watched too. */
export async function adoptEnrolled(sql: Executor, coveredMs: number): Promise<void> {
  await sql`
    insert into registry.agent_last_seen (agent_id, org_id, state, version, reported_version, covered_ms_at_seen, added_at)
    select watched.agent_id, watched.org_id, 'new', watched.version, watched.version, ${coveredMs}::bigint, watched.enrolled_at
    from registry.watched_agents watched
    where not watched.revoked
      and not exists (select 1 from registry.agent_last_seen row where row.agent_id = watched.agent_id)
    on conflict (agent_id) do nothing`;
}
