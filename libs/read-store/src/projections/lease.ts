import { endFrozenSessions, errorCode, type Sql } from '@keyfleet/postgres';

export interface LeaseOptions {
  readonly sql: Sql;
  readonly projection: string;
  readonly version: number;
  /** Unique per process and start. */
  readonly holder: string;
  /** 10 s by default, by the database's clock. */
  readonly ttlMs?: number | undefined;
}

export interface Lease {
  readonly holder: string;
  /** Grows with each change of hands; commits are fenced by it. */
  readonly epoch: bigint;
}

/** By the database's clock. */
export const TTL_MS = 10_000;

const LOCK_TIMEOUT = '55P03';

/** Takes the lease if it is free, expired or already ours; `null` where somebody else holds it. */
export async function acquireLease(options: LeaseOptions): Promise<Lease | null> {
  try {
    return await take(options);
  } catch (error) {
    // Whoever keeps it locked for longer than a lease lasts may be frozen in the middle of a statement.
    if (errorCode(error) === LOCK_TIMEOUT) await endFrozenSessions(options.sql, options.ttlMs ?? TTL_MS);
    throw error;
  }
}

async function take(options: LeaseOptions): Promise<Lease | null> {
  const { sql, projection, version, holder } = options;
  const ttl = `${options.ttlMs ?? TTL_MS} milliseconds`;
  const [row] = await sql<{ epoch: bigint }[]>`
    insert into projections.leases as l (projection, version, holder, epoch, until)
    values (${projection}, ${version}, ${holder}, 1, clock_timestamp() + ${ttl}::interval)
    on conflict (projection, version) do update
      set holder = excluded.holder, epoch = l.epoch + 1, until = clock_timestamp() + ${ttl}::interval
      where l.until < clock_timestamp() or l.holder = excluded.holder
    returning epoch`;
  return row ? { holder, epoch: row.epoch } : null;
}

/** False where the lease was lost to another holder. */
export async function renewLease(options: LeaseOptions, lease: Lease): Promise<boolean> {
  const { sql, projection, version } = options;
  const rows = await sql`
    update projections.leases set until = clock_timestamp() + ${`${options.ttlMs ?? TTL_MS} milliseconds`}::interval
    where projection = ${projection} and version = ${version} and holder = ${lease.holder} and epoch = ${lease.epoch}
    returning 1`;
  return rows.length === 1;
}

/** Gives the lease back at once; harmless where it is not ours any more. */
export async function releaseLease(options: LeaseOptions, lease: Lease): Promise<void> {
  const { sql, projection, version } = options;
  await sql`update projections.leases set until = clock_timestamp() - interval '1 millisecond'
    where projection = ${projection} and version = ${version} and holder = ${lease.holder} and epoch = ${lease.epoch}`;
}
