import type { Executor, Sql } from '@keyfleet/postgres';
import type { Proof } from '@keyfleet/registry/liveness';

/** A canary that came through: from which replica, through which broker node, and when. */
export interface CanaryReceipt {
  readonly replicaId: string;
  readonly node: string;
  readonly receivedAt: number;
}

export interface Registration {
  readonly replicaId: string;
  readonly nodes: readonly string[];
}

/** This replica takes part from `now`: its flushes and its canaries have to come from here on. */
export async function joinReplicas(tx: Executor, me: Registration, now: number): Promise<void> {
  await tx`
    insert into registry.detection_replicas (replica_id, flushed_at) values (${me.replicaId}, to_timestamp(${now}::float8 / 1000))
    on conflict (replica_id) do update set flushed_at = excluded.flushed_at`;
  await tx`
    delete from registry.detection_canaries
    where replica_id = ${me.replicaId} and node <> all(${me.nodes as string[]})`;
  await tx`
    insert into registry.detection_canaries (replica_id, node, received_at)
    select ${me.replicaId}, node, to_timestamp(${now}::float8 / 1000) from unnest(${me.nodes as string[]}::text[]) as node
    on conflict (replica_id, node) do update set received_at = excluded.received_at`;
}

export async function leaveReplicas(sql: Sql, replicaId: string): Promise<void> {
  await sql`delete from registry.detection_replicas where replica_id = ${replicaId}`;
}

/**
 * Says that this replica's flush went all the way, and which canaries it received. False where the row is gone: the
 * others thought this replica dead, and it has to join again.
 */
export async function recordFlush(
  sql: Sql,
  replicaId: string,
  now: number,
  receipts: readonly CanaryReceipt[],
): Promise<boolean> {
  const rows = JSON.stringify(
    receipts.map((one) => ({ id: one.replicaId, node: one.node, ms: one.receivedAt })),
  );
  const [row] = await sql<{ mine: boolean }[]>`
    with received as (
      update registry.detection_canaries canary
      set received_at = to_timestamp(new.ms / 1000)
      from jsonb_to_recordset(${rows}::text::jsonb) as new (id text, node text, ms float8)
      where canary.replica_id = new.id and canary.node = new.node
    ),
    flushed as (
      update registry.detection_replicas set flushed_at = to_timestamp(${now}::float8 / 1000)
      where replica_id = ${replicaId} returning 1
    )
    select exists (select 1 from flushed) as mine`;
  return row?.mine ?? false;
}

export async function readProofs(tx: Executor): Promise<readonly Proof[]> {
  const rows = await tx<Proof[]>`
    select 'canary' as of, (extract(epoch from received_at) * 1000)::float8 as at from registry.detection_canaries
    union all
    select 'flush', (extract(epoch from flushed_at) * 1000)::float8 from registry.detection_replicas`;
  return rows.map(({ of, at }) => ({ of, at }));
}

export interface SilentReplica {
  readonly replicaId: string;
  readonly flushedAt: number;
}

/** Other replicas that have not flushed for this long. */
export async function findSilentReplicas(
  sql: Sql,
  me: string,
  before: number,
): Promise<readonly SilentReplica[]> {
  return sql<SilentReplica[]>`
    select replica_id as "replicaId", (extract(epoch from flushed_at) * 1000)::float8 as "flushedAt"
    from registry.detection_replicas
    where replica_id <> ${me} and flushed_at < to_timestamp(${before}::float8 / 1000)`;
}

/** Nothing is waited for from a replica the broker no longer knows; unless it has flushed since. */
export async function retireReplica(sql: Sql, { replicaId, flushedAt }: SilentReplica): Promise<void> {
  await sql`
    delete from registry.detection_replicas
    where replica_id = ${replicaId} and flushed_at = to_timestamp(${flushedAt}::float8 / 1000)`;
}
