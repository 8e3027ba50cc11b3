import type { EventStore, NewEvent } from '@keyfleet/event-store';
import type { DomainEvent } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import { judgeSilence, type OrgSilence, SILENCE_WINDOW_MS } from '@keyfleet/registry/liveness';
import { appendMissing, type FactMaker } from '../store-facts.js';

export interface FleetOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly facts: FactMaker;
  readonly recorded: (type: string, count: number) => void;
}

interface OrgRow {
  org_id: string;
  ongoing: boolean;
  since_ms: bigint;
  recent: number;
  silent: number;
  total: number;
}

/** Finds organisations in which many agents fell silent together, or have come back, and records either once. */
export async function settleFleets(coveredMs: number, options: FleetOptions): Promise<void> {
  for (const org of await countOrgs(options.sql, coveredMs)) {
    const counts: OrgSilence = { recent: org.recent, silent: org.silent, total: org.total };
    const now = judgeSilence(org.ongoing, counts);
    if (now !== org.ongoing) await changeFleet(org, now, coveredMs, options.sql);
  }
  await announceFleets(options);
}

/** Only organisations where something could have changed: some agents fell silent lately, or a silence goes on. */
async function countOrgs(sql: Sql, coveredMs: number): Promise<readonly OrgRow[]> {
  const window = coveredMs - SILENCE_WINDOW_MS;
  return sql<OrgRow[]>`
    with lately as (
      select org_id, count(*)::int as recent from registry.agent_last_seen
      where state in ('leaving', 'offline') and offline_at_covered_ms > ${window}::bigint
      group by org_id
    ),
    org as (
      select org_id, coalesce(fleet.silent, false) as ongoing, coalesce(lately.recent, 0) as recent,
        case when fleet.silent then fleet.since_covered_ms else ${window}::bigint end as since_ms
      from lately full join (select * from registry.fleet_silence where silent) fleet using (org_id)
    )
    select org.*,
      (select count(*)::int from registry.agent_last_seen row
       where row.org_id = org.org_id and row.state in ('leaving', 'offline')
         and row.offline_at_covered_ms > org.since_ms) as silent,
      (select count(*)::int from registry.agent_last_seen row
       where row.org_id = org.org_id and row.state <> 'revoked') as total
    from org where org.ongoing or org.recent >= 5`;
}

async function changeFleet(org: OrgRow, silent: boolean, coveredMs: number, sql: Sql): Promise<void> {
  await sql`
    insert into registry.fleet_silence as fleet
      (org_id, silent, episode, since_covered_ms, silent_agents, total_agents, agent_ids)
    select ${org.org_id}, ${silent}, 1, ${org.since_ms}, ${org.silent}, ${org.total}, array(
      select agent_id from registry.agent_last_seen
      where org_id = ${org.org_id} and state in ('leaving', 'offline') and offline_at_covered_ms > ${org.since_ms}
      order by agent_id limit 500)
    on conflict (org_id) do update set
      silent = excluded.silent, since_covered_ms = excluded.since_covered_ms, agent_ids = excluded.agent_ids,
      silent_agents = excluded.silent_agents, total_agents = excluded.total_agents,
      episode = fleet.episode + case when excluded.silent then 1 else 0 end
    where fleet.silent <> excluded.silent and fleet.announced = fleet.silent`;
}

interface Unannounced {
  org_id: string;
  silent: boolean;
  episode: bigint;
  since_covered_ms: bigint;
  silent_agents: number;
  total_agents: number;
  agent_ids: string[];
  revision: bigint;
}

async function announceFleets({ sql, store, facts, recorded }: FleetOptions): Promise<void> {
  const rows = await sql<Unannounced[]>`
    select org_id, silent, episode, since_covered_ms, silent_agents, total_agents, agent_ids, revision
    from registry.fleet_silence where announced <> silent`;
  for (const row of rows) {
    const parts = [row.org_id, String(row.episode), String(row.since_covered_ms)];
    const event: NewEvent = facts.make(toEvent(row), { orgId: row.org_id, parts });
    const { revision, appended } = await appendMissing(store, `fleet-${row.org_id}`, row.revision, [event]);
    await sql`
      update registry.fleet_silence set announced = ${row.silent}, revision = ${revision}
      where org_id = ${row.org_id} and silent = ${row.silent} and episode = ${row.episode}`;
    if (appended > 0) recorded(event.type, 1);
  }
}

function toEvent(row: Unannounced): DomainEvent {
  const counts = { silent: row.silent_agents, total: row.total_agents };
  return row.silent
    ? { type: 'FleetSilenceDetected', v: 1, data: { ...counts, agentIds: row.agent_ids } }
    : { type: 'FleetSilenceEnded', v: 1, data: counts };
}
