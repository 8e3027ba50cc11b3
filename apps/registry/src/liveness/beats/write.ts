import type { Sql } from '@keyfleet/postgres';
import { type Coverage, coveredAt } from '@keyfleet/registry/liveness';
import type { Beat } from './beat.js';

/** One array literal of PostgreSQL; every value here is a number, an id or of a grammar without quotes and commas. */
function literal(beats: readonly Beat[], value: (beat: Beat) => string | number | null): string {
  let text = '{';
  for (const [index, beat] of beats.entries()) text += `${index === 0 ? '' : ','}${value(beat) ?? 'null'}`;
  return `${text}}`;
}

/**
 * Writes beats of agents about which nothing else changed: online, the same boot and version, a higher counter.
 * Gives back the others; an agent may stand in `beats` once. One statement, whole or not at all.
 */
export async function writeBeats(
  sql: Sql,
  beats: readonly Beat[],
  coverage: Coverage,
): Promise<readonly Beat[]> {
  if (beats.length === 0) return [];
  const column = (value: (beat: Beat) => string | number | null) => literal(beats, value);
  const missed = await sql<{ n: bigint }[]>`
    with beat as materialized (
      select * from unnest(
        ${column((beat) => beat.agentId)}::text::text[],
        ${column((beat) => beat.orgId)}::text::text[],
        ${column((beat) => beat.bootId)}::text::uuid[],
        ${column((beat) => beat.counter)}::text::bigint[],
        ${column((beat) => beat.receivedAt)}::text::float8[],
        ${column((beat) => Math.round(coveredAt(coverage, beat.receivedAt)))}::text::bigint[],
        ${column((beat) => beat.version)}::text::text[],
        ${column((beat) => beat.epoch)}::text::bigint[],
        ${column((beat) => beat.seq)}::text::bigint[],
        ${column((beat) => beat.acknowledged)}::text::bigint[],
        ${column((beat) => beat.policyVersion)}::text::bigint[],
        ${column((beat) => beat.policyHash)}::text::text[],
        ${column((beat) => beat.secrets)}::text::bigint[],
        ${column((beat) => beat.storage)}::text::text[],
        ${column((beat) => beat.seal)}::text::text[]
      ) with ordinality as beat (
        agent_id, org_id, boot_id, counter, received_ms, covered_ms, version, journal_epoch, journal_seq,
        journal_acknowledged, policy_version, policy_hash, secrets, storage, seal, n
      )
    ),
    written as (
      update registry.agent_last_seen row set
        counter = beat.counter,
        seen_at = to_timestamp(beat.received_ms / 1000),
        covered_ms_at_seen = beat.covered_ms,
        journal_epoch = beat.journal_epoch,
        journal_seq = beat.journal_seq,
        journal_acknowledged = beat.journal_acknowledged,
        policy_version = beat.policy_version,
        policy_hash = beat.policy_hash,
        secrets = beat.secrets,
        storage = beat.storage,
        seal = beat.seal
      from beat
      where row.agent_id = beat.agent_id and row.org_id = beat.org_id and row.state = 'online'
        and row.boot_id = beat.boot_id and row.counter < beat.counter
        and row.version = beat.version and row.reported_version = beat.version
      returning beat.n
    )
    select n from beat where not exists (select 1 from written where written.n = beat.n)`;
  return missed.map(({ n }) => beats[Number(n) - 1] as Beat);
}
