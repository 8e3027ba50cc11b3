import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Executor, Sql } from '@keyfleet/postgres';
import { acquireLease, holdLease, type Lease, type LeaseOptions } from '@keyfleet/read-store';

/** Somebody else works by now: nothing of what was begun may be written. */
export class LeaseLostError extends Error {
  constructor() {
    super('Another policy service distributes now.');
    this.name = 'LeaseLostError';
  }
}

/** Holds the lease row until the end of a transaction; throws LeaseLostError where it is not ours any more. */
export type Fence = (tx: Executor) => Promise<void>;

export interface LeasedWork {
  /** As `kf_worker`. */
  readonly sql: Sql;
  /** Which lease; one holder over all replicas. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Works until the signal ends; whatever it throws starts it again after a pause. */
  readonly work: (fence: Fence, signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly onHeld?: (held: boolean) => void;
  /** By the database's clock; 10 s by default. */
  readonly ttlMs?: number;
  /** Between attempts; 1 s by default. */
  readonly retryMs?: number;
}

const VERSION = 1;
const RETRY_MS = 1_000;

/** Works wherever and as long as it has the lease, until the signal; of any number of replicas one at a time. */
export async function underLease(options: LeasedWork): Promise<void> {
  const { sql, name, signal, ttlMs, retryMs = RETRY_MS } = options;
  const leasing = { sql, projection: name, version: VERSION, holder: randomUUID(), ttlMs };
  while (!signal.aborted) {
    try {
      const lease = await acquireLease(leasing);
      if (lease) await hold(options, leasing, lease);
    } catch (error) {
      if (!signal.aborted && !(error instanceof LeaseLostError)) options.onError(error);
    }
    await delay(retryMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
  }
}

async function hold(options: LeasedWork, leasing: LeaseOptions, lease: Lease): Promise<void> {
  options.onHeld?.(true);
  await holdLease(leasing, lease, async (lost) => {
    try {
      await options.work(fenceOf(leasing, lease), AbortSignal.any([options.signal, lost]));
    } finally {
      options.onHeld?.(false);
    }
  });
}

function fenceOf({ projection }: LeaseOptions, { holder, epoch }: Lease): Fence {
  return async (tx) => {
    const held = await tx`
      select 1 from projections.leases
      where projection = ${projection} and version = ${VERSION} and holder = ${holder} and epoch = ${epoch}
      for share`;
    if (held.length === 0) throw new LeaseLostError();
  };
}
