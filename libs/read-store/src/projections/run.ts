import { randomUUID } from 'node:crypto';
import type { EventStore, Position } from '@keyfleet/event-store';
import { type Sql, transaction } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { acquireLease, type Lease, type LeaseOptions, releaseLease, renewLease } from './lease.js';
import { type ProjectionStep, Worker, type WorkerOptions } from './worker.js';

export type RunStep =
  | ProjectionStep
  | { readonly kind: 'waiting' | 'acquired' | 'lost' | 'switched' }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface RunOptions {
  /** As kf_worker. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projection: Projection;
  readonly signal: AbortSignal;
  readonly holder?: string;
  readonly onStep?: (step: RunStep) => void;
  readonly leaseTtlMs?: number;
  readonly renewEveryMs?: number;
  /** Pause after a failure and between attempts to get the lease. */
  readonly retryMs?: number;
  readonly pauseMs?: WorkerOptions['pauseMs'];
  readonly tries?: number;
}

const RENEW_MS = 3_000;
const RETRY_MS = 1_000;

/** Runs one projection for as long as the signal allows: waits for the lease, works, and starts again after any failure. */
export async function runProjection(options: RunOptions): Promise<void> {
  const { sql, projection, signal, onStep = () => undefined } = options;
  const holder = options.holder ?? randomUUID();
  const ttl = options.leaseTtlMs === undefined ? {} : { ttlMs: options.leaseTtlMs };
  const leasing: LeaseOptions = {
    sql,
    projection: projection.name,
    version: projection.version,
    holder,
    ...ttl,
  };
  let waiting = false;
  while (!signal.aborted) {
    try {
      const lease = await acquireLease(leasing);
      if (lease) await hold(options, leasing, lease);
      else if (!waiting) onStep({ kind: 'waiting' });
      waiting = lease === null;
    } catch (error) {
      onStep({ kind: 'failed', error });
    }
    await quiet(options.retryMs ?? RETRY_MS, signal);
  }
}

/** Works under the lease and renews it beside the work; returns when it is lost, when the run ends, or throws. */
async function hold(options: RunOptions, leasing: LeaseOptions, lease: Lease): Promise<void> {
  const { projection, sql, store, onStep = () => undefined } = options;
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const renewing = setInterval(() => {
    renewLease(leasing, lease)
      .then((kept) => kept || lost.abort())
      // Whether it is still ours is not known; the fence at commit decides, and the next renewal tells.
      .catch(() => undefined);
  }, options.renewEveryMs ?? RENEW_MS);
  try {
    const start = await checkpoint(sql, projection);
    let building = start.state === 'building';
    onStep({ kind: 'acquired' });
    const worker = new Worker({
      sql,
      store,
      projection,
      lease,
      position: start.position,
      announce: () => !building,
      signal,
      onStep,
      ...(options.pauseMs ? { pauseMs: options.pauseMs } : {}),
      ...(options.tries ? { tries: options.tries } : {}),
    });
    await worker.run(async () => {
      if (building && (await trySwitch(options, worker.position))) {
        building = false;
        onStep({ kind: 'switched' });
      }
    });
    if (lost.signal.aborted) onStep({ kind: 'lost' });
  } finally {
    clearInterval(renewing);
    await releaseLease(leasing, lease).catch(() => undefined);
  }
}

interface Checkpoint {
  readonly position: Position | null;
  readonly state: 'building' | 'current' | 'retired';
}

async function checkpoint(sql: Sql, { name, version }: Projection): Promise<Checkpoint> {
  const [row] = await sql<Checkpoint[]>`select position, state from projections.checkpoints
    where projection = ${name} and version = ${version}`;
  if (!row)
    throw new Error(`The tables of ${name} version ${version} are not there yet; run the migrations.`);
  return row;
}

/** Switches in one transaction once the new version is not behind the one it replaces. */
async function trySwitch(
  { sql, store, projection }: RunOptions,
  position: Position | null,
): Promise<boolean> {
  if (position === null) return false;
  const { name, version } = projection;
  return transaction(sql, async (tx) => {
    const rows = await tx<(Checkpoint & { version: number })[]>`select version, position, state
      from projections.checkpoints where projection = ${name} order by version for update`;
    const current = rows.find(({ state }) => state === 'current');
    if (current?.version === version) return true;
    const behind = current?.position && store.comparePositions(position, current.position) < 0;
    if (behind || (current && current.version > version)) return false;
    await tx`select projections.switch(${name}, ${version})`;
    await tx`select pg_notify('keyfleet_changed', ${JSON.stringify({ readModel: name, orgId: null, ids: [], position })})`;
    return true;
  });
}

function quiet(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
