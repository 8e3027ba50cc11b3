import type { PolicyManifest } from '@keyfleet/contracts';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';
import type { Candidate, Groups } from './assignment.js';
import type { Bundle } from './bundles.js';
import type { Fence } from './lease.js';

/** An agent that may connect, with what it is to decide by so far. */
export interface AgentRow extends Candidate {
  /** Of its bundle; `null` where it was never given one. */
  readonly hash: string | null;
  /**
   * Whether it reports a version above ours, or ours with another bundle, as after a restore: it would take none of
   * ours for a newer one.
   */
  readonly ahead: boolean;
  /** Whether it ever reported that it decides by anything. */
  readonly reports: boolean;
}

/** What an agent says it decides by counts up to here; nobody gives numbers like that out in a lifetime. */
const HIGHEST = 2n ** 40n;

/** The highest version an agent says it decides by: in a beat, when it asked, or in its journal. Null for none. */
const reported = (sql: Executor) => sql`greatest(s.policy_version, d.reported, r.applied_version)`;

/**
 * Whether an agent knows our version as that of another bundle: it was given that before a restore. Whoever cannot
 * vouch for its files says so by refusing ours only. An older number, or none, is an agent on its way.
 */
const isTaken = (sql: Executor) => sql`coalesce(
  (s.policy_version = d.version and s.policy_hash <> d.hash)
  or (r.applied_version = d.version and r.applied_hash <> d.hash)
  or (r.rejected_version = d.version and r.rejected_hash = d.hash and r.rejected_code = 'older'), false)`;

export function readAgents(sql: Executor, orgId: string): Promise<AgentRow[]> {
  return sql<AgentRow[]>`
    select a.agent_id as "agentId", a.labels::text as labels, d.hash,
      coalesce(d.version, 0) <= ${HIGHEST}
        and (${reported(sql)} > coalesce(d.version, 0) or ${isTaken(sql)}) as ahead,
      coalesce(${reported(sql)}, 0) > 0 as reports
    from registry.agents a
    left join registry.agent_last_seen s on s.agent_id = a.agent_id
    left join policy.desired d on d.agent_id = a.agent_id
    left join policy.agent_reports r on r.agent_id = a.agent_id
    where a.org_id = ${orgId} and a.revoked_at is null` as unknown as Promise<AgentRow[]>;
}

export async function readGroups(sql: Executor, orgId: string): Promise<Groups> {
  const rows = await sql<{ group_id: string; selector: string }[]>`
    select group_id, selector from registry.groups where org_id = ${orgId} and not removed`;
  return new Map(rows.map(({ group_id, selector }) => [group_id, selector]));
}

/** Organisations whose agents were given something once. */
export async function servedOrganisations(sql: Executor): Promise<string[]> {
  const rows = await sql<{ org_id: string }[]>`select distinct org_id from policy.desired`;
  return rows.map(({ org_id }) => org_id);
}

export interface Wanted {
  readonly agentId: string;
  readonly bundle: Bundle;
}

export interface WriteOptions {
  readonly sql: Sql;
  readonly fence: Fence;
  readonly orgId: string;
  /** RFC 3339. */
  readonly now: string;
}

/**
 * Writes what agents are to decide by from now on, in one transaction with the bundles. A version is one above the
 * highest of what was given and what the agent reports; rows that say it already keep theirs. Returns how many changed.
 */
export async function writeDesired(
  { sql, fence, orgId, now }: WriteOptions,
  wanted: readonly Wanted[],
): Promise<number> {
  const bundles = [...new Set(wanted.map(({ bundle }) => bundle))];
  const place = new Map(bundles.map((bundle, index) => [bundle, index]));
  const contents = bundles.map(({ hash, policies, bytes }, n) => ({
    ...{ n, hash, policies, size: bytes.byteLength },
  }));
  return transaction(sql, async (tx) => {
    await fence(tx);
    for (const { hash, policies, bytes } of bundles)
      await tx`
        insert into policy.bundles as b (org_id, hash, policies, bytes)
        values (${orgId}, ${hash}, ${JSON.stringify(policies)}::text::jsonb, ${bytes})
        on conflict (org_id, hash) do update set bytes = excluded.bytes, made_at = now()`;
    const changed = await tx<{ agent_id: string }[]>`
      insert into policy.desired as d (agent_id, org_id, version, hash, bytes, policies, since)
      select new.agent_id, ${orgId},
        1 + least(coalesce(greatest(s.policy_version, r.applied_version), 0), ${HIGHEST}),
        b.hash, b.size, b.policies, ${now}
      from unnest(${wanted.map(({ agentId }) => agentId)}::text[],
        ${wanted.map(({ bundle }) => place.get(bundle) ?? 0)}::int[]) as new (agent_id, n)
      join jsonb_to_recordset(${JSON.stringify(contents)}::text::jsonb)
        as b (n int, hash text, size int, policies jsonb) on b.n = new.n
      left join registry.agent_last_seen s on s.agent_id = new.agent_id
      left join policy.agent_reports r on r.agent_id = new.agent_id
      order by new.agent_id
      on conflict (agent_id) do update set
        version = greatest(d.version + 1, excluded.version, least(d.reported, ${HIGHEST}) + 1),
        hash = excluded.hash, bytes = excluded.bytes, policies = excluded.policies, since = excluded.since,
        manifest = null
      where d.hash <> excluded.hash or excluded.version > d.version + 1 or d.reported > d.version
        or exists (select from registry.agent_last_seen s
          left join policy.agent_reports r on r.agent_id = s.agent_id
          where s.agent_id = d.agent_id and ${isTaken(tx)})
      returning agent_id`;
    await announce(
      tx,
      orgId,
      changed.map(({ agent_id }) => agent_id),
    );
    return changed.length;
  });
}

export interface Unsigned {
  readonly agentId: string;
  readonly version: number;
  readonly hash: string;
  readonly bytes: number;
}

interface UnsignedRow {
  readonly agent_id: string;
  readonly version: bigint;
  readonly hash: string;
  readonly bytes: number;
}

const toUnsigned = ({ agent_id, version, ...row }: UnsignedRow): Unsigned => ({
  ...{ ...row, agentId: agent_id, version: Number(version) },
});

/** Those nobody signed yet, whoever wrote them. */
export async function readUnsigned(sql: Executor, orgId: string): Promise<Unsigned[]> {
  const rows = await sql<UnsignedRow[]>`
    select agent_id, version, hash, bytes from policy.desired
    where org_id = ${orgId} and manifest is null order by agent_id`;
  return rows.map(toUnsigned);
}

/** So many at most that were signed with another key than this one. */
export async function readSignedOtherwise(
  sql: Executor,
  orgId: string,
  { key, limit }: { readonly key: string; readonly limit: number },
): Promise<Unsigned[]> {
  const rows = await sql<UnsignedRow[]>`
    select agent_id, version, hash, bytes from policy.desired
    where org_id = ${orgId} and manifest ->> 'key' <> ${key} order by agent_id limit ${limit}`;
  return rows.map(toUnsigned);
}

/** Gives back which of them stand for what is still wanted. */
export async function saveManifests(
  sql: Executor,
  manifests: readonly PolicyManifest[],
): Promise<Set<string>> {
  const rows = await sql<{ agent_id: string }[]>`
    update policy.desired d set manifest = new.manifest
    from jsonb_array_elements(${JSON.stringify(manifests)}::text::jsonb) as new (manifest)
    where d.agent_id = new.manifest ->> 'agentId' and d.version = (new.manifest ->> 'version')::bigint
      and d.hash = new.manifest ->> 'hash'
    returning d.agent_id`;
  return new Set(rows.map(({ agent_id }) => agent_id));
}

/** Manifests of agents that are online, do not report what they were given before that moment, and did not refuse it. */
export async function readUnanswered(
  sql: Executor,
  orgId: string,
  before: string,
): Promise<PolicyManifest[]> {
  const rows = await sql<{ manifest: PolicyManifest }[]>`
    select d.manifest from policy.desired d
    join registry.agent_last_seen s on s.agent_id = d.agent_id
    left join policy.agent_reports r on r.agent_id = d.agent_id
    where d.org_id = ${orgId} and d.manifest is not null and d.since <= ${before} and s.state = 'online'
      and s.policy_version is distinct from d.version
      and r.applied_version is distinct from d.version and r.rejected_version is distinct from d.version`;
  return rows.map(({ manifest }) => manifest);
}

/** Bundles nobody is to have lose their content; what was in them stays known. */
export async function emptyUnused(sql: Executor): Promise<void> {
  await sql`
    update policy.bundles b set bytes = null
    where bytes is not null and made_at < now() - interval '1 day'
      and not exists (select from policy.desired d where d.org_id = b.org_id and d.hash = b.hash)`;
}

async function announce(tx: Executor, orgId: string, ids: readonly string[]): Promise<void> {
  // Without ids it would say that any may have changed.
  if (ids.length > 0) await announceChanges(tx, 'policy.desired', [{ orgId, ids }], null);
}
