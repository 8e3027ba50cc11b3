import type { Sql } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { pause } from './pause.js';
import { type RunOptions, type RunStep, runProjection } from './run.js';

/**
 * Asks for the rows of a projection to be built anew beside those in use; whoever hosts it does it and then exchanges
 * them. Asked again while one is under way, it changes nothing. Answers the version; `null` for an unknown name.
 */
export async function requestRebuild(sql: Sql, projection: string): Promise<number | null> {
  const [row] = await sql<{ version: number | null }[]>`select projections.rebuild(${projection}) as version`;
  return row?.version ?? null;
}

export interface RebuildsOptions extends Omit<RunOptions, 'projection' | 'onStep'> {
  readonly projections: readonly Projection[];
  readonly onStep: (rebuild: string, step: RunStep) => void;
  /** Between looks for what was asked; 2 s by default. */
  readonly rebuildLookMs?: number;
}

const LOOK_MS = 2_000;

/** Does the rebuilds that operators ask for, for as long as the signal allows. */
export async function carryOutRebuilds(options: RebuildsOptions): Promise<void> {
  const { signal, sql, projections, rebuildLookMs = LOOK_MS } = options;
  const running = new Map<string, Rebuild>();
  while (!signal.aborted) {
    // An outage is waited out: what runs goes on, what was asked is found later.
    const asked = await askedFor(sql, projections).catch(() => undefined);
    for (const projection of asked ?? [])
      if (!running.has(projection.name)) running.set(projection.name, new Rebuild(options, projection));
    for (const [name, rebuild] of running)
      if (rebuild.isDone || (asked && !asked.some((one) => one.name === name))) {
        running.delete(name);
        await rebuild.end();
      }
    await pause(rebuildLookMs, signal);
  }
  await Promise.all([...running.values()].map((rebuild) => rebuild.end()));
}

/** One of them: done when it was exchanged, by us or by another replica. */
class Rebuild {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #onEnd: () => void;
  isDone = false;

  constructor({ projections: _, onStep, ...options }: RebuildsOptions, projection: Projection) {
    this.#onEnd = () => onStep(`${projection.name} (rebuild)`, { kind: 'ended' });
    this.#done = runProjection({
      ...options,
      projection: { ...projection, version: -projection.version },
      signal: AbortSignal.any([options.signal, this.#stop.signal]),
      onStep: (step) => {
        // How old an event is that is applied again says nothing of a lag.
        onStep(
          `${projection.name} (rebuild)`,
          step.kind === 'applied' ? { ...step, recordedAt: null } : step,
        );
        if (step.kind !== 'switched') return;
        this.isDone = true;
        this.#stop.abort();
      },
    });
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#onEnd();
  }
}

async function askedFor(sql: Sql, projections: readonly Projection[]): Promise<Projection[]> {
  const rows = await sql<{ projection: string; version: number }[]>`
    select projection, version from projections.checkpoints where version < 0 and state = 'building'`;
  return projections.filter(({ name, version }) =>
    rows.some((row) => row.projection === name && row.version === -version),
  );
}
