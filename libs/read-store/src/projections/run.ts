import { randomUUID } from 'node:crypto';
import type { EventStore, Position } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { FencedError, type VersionState } from './commit.js';
import { holdLease } from './hold-lease.js';
import { acquireLease, type Lease, type LeaseOptions } from './lease.js';
import { pause } from './pause.js';
import type { Permits } from './permits.js';
import { replaceWhenLevel } from './replace.js';
import { type SwitcherOptions, switchWhenLevel } from './switch.js';
import { type ProjectionStep, Worker, type WorkerOptions } from './worker.js';

export type RunStep =
  | ProjectionStep
  | {
      /**
       * For the lease; then the lease is ours; it went to another; readers have been switched to this version; a rebuild
       * is over, whoever did it.
       */
      readonly kind: 'waiting' | 'acquired' | 'lost' | 'switched' | 'ended';
    }
  /** It starts again by itself after a pause. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface RunOptions
  extends Pick<WorkerOptions, 'batchSize' | 'tries' | 'pauseMs'>,
    Pick<SwitcherOptions, 'abandonedAfterMs'> {
  /** As kf_worker. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projection: Projection;
  readonly signal: AbortSignal;
  readonly onStep?: (step: RunStep) => void;
  /** Unique per process and start; random by default. */
  readonly holder?: string;
  /** By the database's clock; 10 s by default, renewed three times as often. */
  readonly leaseTtlMs?: number;
  readonly renewEveryMs?: number;
  /** Between attempts to get the lease, and after a failure; doubles up to 30 s while nothing succeeds. 1 s by default. */
  readonly retryMs?: number;
  /** Between looks whether readers can be switched to this version; 1 s by default. */
  readonly switchEveryMs?: number;
  /** How many versions are built at once. */
  readonly building?: Permits;
}

/** Nobody waits for rows that are being built, so a transaction may take longer and pays off for more. */
const BUILDING_BATCH = 3_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** Runs one projection for as long as the signal allows: waits for the lease, works, and starts again after any failure. */
export async function runProjection(options: RunOptions): Promise<void> {
  const { signal, onStep = () => undefined, retryMs = RETRY_MS } = options;
  const leasing = leaseOptions(options);
  let failures = 0;
  let waiting = false;
  while (!signal.aborted) {
    try {
      const lease = await acquireLease(leasing);
      if (!lease && !waiting) onStep({ kind: 'waiting' });
      waiting = lease === null;
      if (lease) await hold(options, leasing, lease, () => (failures = 0));
      failures = 0;
    } catch (error) {
      failures += 1;
      // Who waits again after it says so again: by that it is known to be well.
      waiting = false;
      onStep({ kind: 'failed', error });
    }
    await pause(Math.min(retryMs * 2 ** Math.max(0, failures - 1), LONGEST_RETRY_MS), signal);
  }
}

/** Builds a version beside the one in use and returns once readers were switched to it (or the signal ends it). */
export async function rebuildProjection(options: RunOptions): Promise<void> {
  const done = new AbortController();
  if ((await checkpointOf(options)).state === 'current') return;
  const onStep = (step: RunStep): void => {
    options.onStep?.(step);
    if (step.kind === 'switched') done.abort();
  };
  await runProjection({ ...options, onStep, signal: AbortSignal.any([options.signal, done.signal]) });
}

/** Works under the lease until it is lost or the run ends; throws where the work fails. */
async function hold(
  options: RunOptions,
  leasing: LeaseOptions,
  lease: Lease,
  onProgress: () => void,
): Promise<void> {
  const { onStep = () => undefined, renewEveryMs } = options;
  const isLost = await holdLease(
    leasing,
    lease,
    async (lost) => {
      const signal = AbortSignal.any([options.signal, lost]);
      const isFenced = await workAndSwitch({ ...options, lease, signal, onStep }, onProgress);
      return isFenced || lost.aborted;
    },
    renewEveryMs,
  );
  if (isLost) onStep({ kind: 'lost' });
}

interface Held extends RunOptions {
  readonly lease: Lease;
  readonly onStep: (step: RunStep) => void;
}

/** The end of either ends the other; true where somebody else's lease stopped them. */
async function workAndSwitch(held: Held, onProgress: () => void): Promise<boolean> {
  const stop = new AbortController();
  const both = { ...held, signal: AbortSignal.any([held.signal, stop.signal]) };
  const report = (step: ProjectionStep): void => {
    onProgress();
    held.onStep(step);
  };
  held.onStep({ kind: 'acquired' });
  try {
    await Promise.all(
      [work(both, report), keepSwitched(both)].map((part) => part.finally(() => stop.abort())),
    );
    return false;
  } catch (error) {
    if (!(error instanceof FencedError)) throw error;
    return true;
  } finally {
    stop.abort();
  }
}

async function work(held: Held, onStep: (step: ProjectionStep) => void): Promise<void> {
  const { position, state } = await checkpointOf(held);
  const permit = state === 'building' ? await held.building?.take(held.signal) : undefined;
  try {
    const batchSize = held.batchSize ?? (state === 'building' ? BUILDING_BATCH : undefined);
    await new Worker({ ...held, position, onStep, batchSize }).run();
  } finally {
    permit?.();
  }
}

function keepSwitched(held: Held): Promise<void> {
  const { onStep, switchEveryMs: everyMs, projection } = held;
  const switcher = { ...held, everyMs, onSwitched: () => onStep({ kind: 'switched' }) };
  return projection.version < 0 ? replaceWhenLevel(switcher) : switchWhenLevel(switcher);
}

function leaseOptions({ sql, projection, holder, leaseTtlMs: ttlMs }: RunOptions): LeaseOptions {
  return {
    sql,
    projection: projection.name,
    version: projection.version,
    holder: holder ?? randomUUID(),
    ttlMs,
  };
}

interface Checkpoint {
  readonly position: Position | null;
  readonly state: VersionState;
}

async function checkpointOf({ sql, projection: { name, version } }: RunOptions): Promise<Checkpoint> {
  const [row] = await sql<Checkpoint[]>`
    select position, state from projections.checkpoints where projection = ${name} and version = ${version}`;
  if (!row) throw new Error(`The tables of ${name} version ${version} are not there; run the migrations.`);
  return row;
}
