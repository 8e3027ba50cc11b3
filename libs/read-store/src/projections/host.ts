import type { EventStore, Position } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { Permits } from './permits.js';
import { codeOf } from './poison.js';
import { carryOutRebuilds, type RebuildsOptions } from './rebuilds.js';
import { type RunOptions, type RunStep, runProjection } from './run.js';

export interface HostOptions
  extends Pick<RunOptions, 'leaseTtlMs' | 'renewEveryMs' | 'retryMs' | 'switchEveryMs' | 'batchSize'>,
    Pick<RebuildsOptions, 'rebuildLookMs'> {
  /** As kf_worker; each projection uses up to three connections at a time, two of them in transactions. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  /** For metrics, logs and alerts. A rebuild's name is the projection's and ` (rebuild)`. */
  readonly onStep?: (projection: string, step: RunStep) => void;
  /** New versions built at once; 1 by default. */
  readonly maxRebuilds?: number;
}

export interface ProjectionHost {
  /** A sentence where a projection failed last and has not gone on since; undefined when all is well. */
  trouble(): string | undefined;
  /** Whether what readers see holds every event there was when the host started, whoever carried it there. */
  caughtUp(): Promise<boolean>;
  /** Stops after the batches under way and gives the leases back. */
  close(): Promise<void>;
}

/** By these a projection, or a rebuild that somebody else has finished, is known to be well. */
const WELL = new Set<RunStep['kind']>(['applied', 'waiting', 'switched', 'ended']);

/** Runs a service's projections side by side; another replica takes over what this one cannot hold. */
export function hostProjections(options: HostOptions): ProjectionHost {
  const { projections, onStep, maxRebuilds = 1, ...shared } = options;
  const controller = new AbortController();
  const failing = new Map<string, string>();
  const note = (name: string, step: RunStep): void => {
    if (step.kind === 'failed') failing.set(name, codeOf(step.error));
    else if (WELL.has(step.kind)) failing.delete(name);
    onStep?.(name, step);
  };
  const building = new Permits(maxRebuilds);
  const { signal } = controller;
  const runs = projections.map((projection) =>
    runProjection({
      ...shared,
      projection,
      building,
      signal,
      onStep: (step) => note(projection.name, step),
    }),
  );
  const rebuilds = carryOutRebuilds({ ...shared, projections, building, signal, onStep: note });
  const goal = new Goal(options);
  return {
    trouble: () =>
      failing.size === 0
        ? undefined
        : `failing: ${[...failing].map(([name, code]) => `${name} (${code})`).join(', ')}`,
    caughtUp: () => goal.reached(),
    close: async () => {
      controller.abort();
      await Promise.all([...runs, rebuilds]);
    },
  };
}

/** The newest event when first asked; once everything has passed it, that stays so. */
class Goal {
  readonly #options: HostOptions;
  #head: Promise<Position> | undefined;
  #reached = false;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async reached(): Promise<boolean> {
    if (this.#reached) return true;
    const { store, sql, projections } = this.#options;
    this.#head ??= store.headPosition();
    const head = await this.#head.catch(() => {
      this.#head = undefined;
      return undefined;
    });
    if (head === undefined) return false;
    const rows = await sql<{ projection: string; position: Position | null }[]>`
      select projection, position from projections.checkpoints where state = 'current'`;
    const positions = new Map(rows.map(({ projection, position }) => [projection, position]));
    const passed = await Promise.all(
      projections.map((one) => this.#passed(one, positions.get(one.name), head)),
    );
    this.#reached = passed.every(Boolean);
    return this.#reached;
  }

  async #passed(
    { filter }: Projection,
    position: Position | null | undefined,
    head: Position,
  ): Promise<boolean> {
    const { store } = this.#options;
    if (position) return store.comparePositions(position, head) >= 0;
    // Nothing to carry is carried.
    return (await store.readAll({ filter, limit: 1 })).events.length === 0;
  }
}
