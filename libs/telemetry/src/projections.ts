import type { EventStore, Position } from '@keyfleet/event-store';
import type { Logger, Metrics } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { Projection, RunStep } from '@keyfleet/read-store';
import { children } from './children.js';
import { Sampler } from './sampler.js';

export interface ProjectionMetricsOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'headPosition' | 'readAll' | 'comparePositions'>;
  readonly projections: readonly Projection[];
}

interface Standing {
  readonly projection: string;
  readonly version: number;
  readonly state: string;
  readonly position: Position | null;
  readonly parked: number;
}

interface Sample extends Standing {
  /** Positions between the newest event and the checkpoint; undefined where positions do not count. */
  readonly behind: number | undefined;
  /** Age of the oldest event that is not applied; 0 where there is none. */
  readonly lagSeconds: number;
}

/** How each projection of this service gets on; for `onStep` of the host. What stands in tables is read when asked for. */
export function projectionMetrics(options: ProjectionMetricsOptions): (name: string, step: RunStep) => void {
  standing(options);
  return steps(options);
}

function steps({
  metrics,
  logger,
  projections,
}: ProjectionMetricsOptions): (name: string, step: RunStep) => void {
  const labelNames = ['projection'] as const;
  const events = metrics.counter({
    name: 'keyfleet_projection_events_total',
    help: 'Events applied to a read model.',
    labelNames,
  });
  const batch = metrics.histogram({
    name: 'keyfleet_projection_batch_events',
    help: 'Events applied in one transaction.',
    labelNames,
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000],
  });
  const seconds = metrics.histogram({
    name: 'keyfleet_projection_batch_seconds',
    help: 'Time to commit one batch: rows, checkpoint and notices.',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  });
  const failures = metrics.counter({
    name: 'keyfleet_projection_failures_total',
    help: 'Times a projection stopped and was started again.',
    labelNames,
  });
  const retries = metrics.counter({
    name: 'keyfleet_projection_retries_total',
    help: 'Events that failed and were tried again, before their stream is parked.',
    labelNames,
  });
  const held = metrics.gauge({
    name: 'keyfleet_projection_lease_held',
    help: '1 where this process carries the projection; over all replicas exactly one should.',
    labelNames,
  });
  const of = children((projection: string) => ({
    events: events.labels(projection),
    batch: batch.labels(projection),
    seconds: seconds.labels(projection),
    failures: failures.labels(projection),
    retries: retries.labels(projection),
    held: held.labels(projection),
  }));
  // An alert asks for the failures that were added, so they have to begin at nothing.
  for (const { name } of projections) of(name).failures.inc(0);
  return (projection, step) => {
    const child = of(projection);
    switch (step.kind) {
      case 'applied':
        if (step.events > 0) {
          child.events.inc(step.events);
          child.batch.observe(step.events);
          child.seconds.observe(step.seconds);
        }
        break;
      case 'acquired':
        child.held.set(1);
        break;
      case 'waiting':
      case 'lost':
        child.held.set(0);
        break;
      case 'failed':
        child.held.set(0);
        child.failures.inc();
        logger.warn({ err: step.error, projection }, 'A projection stopped and will be started again');
        break;
      case 'retry':
        child.retries.inc();
        break;
      case 'parked': {
        const { stream, type: eventType, code } = step;
        logger.error(
          { projection, stream, eventType, code },
          'A stream was parked: one of its events cannot be applied',
        );
      }
    }
  };
}

function standing(options: ProjectionMetricsOptions): void {
  const { metrics } = options;
  const sampler = new Sampler({ take: () => look(options) });
  const gauge = (
    name: string,
    help: string,
    value: (sample: Sample) => number | undefined,
    states: readonly string[] = ['current'],
  ): void => {
    metrics.gauge({
      name,
      help,
      labelNames: ['projection'],
      async collect() {
        this.reset();
        for (const sample of (await sampler.sample()) ?? []) {
          const found = states.includes(sample.state) ? value(sample) : undefined;
          if (found !== undefined) this.set({ projection: sample.projection }, found);
        }
      },
    });
  };
  gauge(
    'keyfleet_projection_lag_seconds',
    'Age of the oldest event a read model in use has not applied; 0 where it has all.',
    ({ lagSeconds }) => lagSeconds,
  );
  gauge(
    'keyfleet_projection_lag_events',
    'Events recorded since the one a read model in use has got to, those it does not follow included.',
    ({ behind }) => behind,
  );
  gauge(
    'keyfleet_projection_rebuild_lag_events',
    'Events a new version of a read model, built beside the one in use, has still to pass.',
    ({ behind }) => behind,
    ['building'],
  );
  gauge(
    'keyfleet_projection_parked_streams',
    'Streams put aside because one of their events cannot be applied.',
    ({ parked }) => parked,
  );
}

async function look({ sql, store, projections }: ProjectionMetricsOptions): Promise<Sample[]> {
  const names = projections.map(({ name }) => name);
  const [rows, head] = await Promise.all([
    sql<Standing[]>`
      select projection, version, state, position,
        (select count(*)::int from projections.parked_streams p
          where p.projection = c.projection and p.version = c.version) as parked
      from projections.checkpoints c
      where projection = any(${names}::text[]) and state <> 'retired'`,
    store.headPosition(),
  ]);
  const filters = new Map(projections.map(({ name, filter }) => [name, filter]));
  return Promise.all(
    rows.map(async (row) => {
      const { position: after } = row;
      const level = after !== null && store.comparePositions(after, head) >= 0;
      const filter = filters.get(row.projection);
      const page = level
        ? { events: [] }
        : await store.readAll({ ...(after !== null && { after }), ...(filter && { filter }), limit: 1 });
      const [oldest] = page.events;
      const lagSeconds = oldest ? Math.max(0, (Date.now() - Date.parse(oldest.recordedAt)) / 1_000) : 0;
      return { ...row, behind: distance(after, head), lagSeconds };
    }),
  );
}

/** Positions are opaque; where they are counts, their difference is one too. */
function distance(from: Position | null, to: Position): number | undefined {
  const count = /^\d{1,15}$/;
  if (!count.test(to) || (from !== null && !count.test(from))) return undefined;
  return Math.max(0, Number(to) - Number(from ?? 0));
}
