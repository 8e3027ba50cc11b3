import type { EventStore } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { type RunStep, runProjection } from './run.js';

export interface HostOptions {
  /** As kf_worker; each projection uses one connection at a time. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly onStep?: (projection: string, step: RunStep) => void;
  readonly leaseTtlMs?: number;
  readonly renewEveryMs?: number;
  readonly retryMs?: number;
}

export interface ProjectionHost {
  /** A sentence where a projection failed last and nobody has carried it on since; undefined when all is well. */
  trouble(): string | undefined;
  close(): Promise<void>;
}

/** Runs a service's projections side by side; another replica takes over what this one cannot hold. */
export function hostProjections(options: HostOptions): ProjectionHost {
  const controller = new AbortController();
  const failing = new Map<string, string>();
  const note = (name: string, step: RunStep) => {
    if (step.kind === 'failed') failing.set(name, step.error instanceof Error ? step.error.name : 'error');
    else failing.delete(name);
    options.onStep?.(name, step);
  };
  const { sql, store, leaseTtlMs, renewEveryMs, retryMs } = options;
  const timing = {
    ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
    ...(renewEveryMs === undefined ? {} : { renewEveryMs }),
    ...(retryMs === undefined ? {} : { retryMs }),
  };
  const runs = options.projections.map((projection) =>
    runProjection({
      sql,
      store,
      projection,
      signal: controller.signal,
      onStep: (step) => note(projection.name, step),
      ...timing,
    }),
  );
  return {
    trouble: () => (failing.size === 0 ? undefined : `failing: ${[...failing.keys()].join(', ')}`),
    close: async () => {
      controller.abort();
      await Promise.all(runs);
    },
  };
}
