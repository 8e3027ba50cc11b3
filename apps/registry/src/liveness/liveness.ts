import type { EventStore } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import { listenToAgents, type OnDropped } from '@keyfleet/messaging';
import type { Logger } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import { WATCH_INTERVAL_MS } from '@keyfleet/registry/liveness';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeBeat } from './beats/beat.js';
import { EnrolledAgents } from './beats/enrolled.js';
import { type Flushed, Flusher } from './beats/flusher.js';
import { type LivenessMetrics, NO_METRICS } from './metrics.js';
import { notifyDetection } from './notify.js';
import { type Pace, repeat, systemPace } from './pace.js';
import { Sweeper, type Swept } from './silence/sweeper.js';
import { DetectionStatus } from './status.js';
import { FactMaker } from './store-facts.js';
import { announce } from './watch/announce.js';
import { type BrokerNode, Canaries } from './watch/canary.js';
import { addDetection, type Detection } from './watch/detection.js';
import { joinReplicas, leaveReplicas } from './watch/replicas.js';
import { Watcher } from './watch/watcher.js';

/** What the loops just did; tests wait for these instead of for time. */
export type LivenessStep =
  | ({ readonly kind: 'flushed' } & Flushed)
  | { readonly kind: 'watched'; readonly detection: Detection; readonly ours: boolean }
  | ({ readonly kind: 'swept' } & Swept)
  | { readonly kind: 'failed'; readonly what: 'flush' | 'watch' | 'sweep'; readonly error: unknown };

export interface LivenessOptions {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly nats: NatsConnection;
  /** One way into each node of the broker's cluster; the connection above alone where there is one node. */
  readonly nodes?: readonly BrokerNode[];
  readonly clock: Clock;
  /** `ins_…` */
  readonly installationId: string;
  /** This process; a restart may keep it. Letters, digits, dash and underscore. */
  readonly replicaId: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics?: LivenessMetrics;
  readonly onStep?: (step: LivenessStep) => void;
  readonly onDropped?: OnDropped;
  readonly failpoint?: (name: string) => Promise<void>;
  readonly pace?: Pace;
  /** How long this replica waits for its own canaries before it looks; default 500 ms. */
  readonly canaryWaitMs?: number;
  /** False where the caller takes each step itself. */
  readonly loops?: boolean;
}

export interface Liveness {
  /** For `/readyz`: why silence would not be noticed now, if so. */
  check(): string | undefined;
  readonly covered: boolean;
  /** Agents with beats that are not written yet. */
  readonly waiting: number;
  /** One turn of each loop, for whoever runs without them. */
  flush(): Promise<void>;
  /** Sends canaries, flushes, counts covered time; where it was this replica's turn, sweeps. */
  watch(): Promise<void>;
  /** Resolves when what flushes and watches began has ended. */
  idle(): Promise<void>;
  /** Takes no more beats, writes those at hand and leaves the others to it. */
  close(): Promise<void>;
}

const QUEUE = 'registry';
const FLUSH_EVERY_MS = 500;

/** Listens to heartbeats, keeps last-seen, and records who went silent, came back, changed or seems doubled. */
export async function startLiveness(options: LivenessOptions): Promise<Liveness> {
  const { clock, installationId, logger, nats, replicaId, sql, store } = options;
  const metrics = options.metrics ?? NO_METRICS;
  const nodes = options.nodes ?? [{ name: 'broker', connection: nats }];
  const failpoint = options.failpoint ?? (async () => {});
  const me = { replicaId, nodes: nodes.map(({ name }) => name) };
  await addDetection(sql, installationId);
  await joinReplicas(sql, me, clock.now());

  const facts = new FactMaker(installationId, clock);
  const status = new DetectionStatus({ clock, logger, metrics });
  const canaries = new Canaries({
    replicaId,
    connection: nats,
    nodes,
    queue: QUEUE,
    now: () => clock.now(),
    ownMs: options.canaryWaitMs,
  });
  const enrolled = new EnrolledAgents(store, clock);
  const flusher = new Flusher({ sql, clock, installationId, me, canaries, enrolled, metrics });
  const sweeper = new Sweeper({ sql, store, clock, facts, metrics, failpoint });
  const watcher = new Watcher({
    sql,
    store,
    clock,
    installationId,
    replicaId,
    canaries,
    onChange: (tx) => notifyDetection(tx, installationId),
  });
  const beats = listenToAgents(
    nats,
    { kind: 'hb', queue: QUEUE, onDropped: options.onDropped, onError: () => metrics.beats('malformed', 1) },
    ({ caller, data }) => {
      const beat = decodeBeat(data, caller, clock.now());
      if (beat) flusher.add(beat);
      else metrics.beats('malformed', 1);
      return undefined;
    },
  );

  const step = (done: LivenessStep) => options.onStep?.(done);
  const background = new Set<Promise<void>>();
  const attempt = async (what: 'flush' | 'watch' | 'sweep', work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (what === 'watch') status.failed();
      logger.warn({ err: error, what }, 'Liveness could not finish a step; it is taken again');
      step({ kind: 'failed', what, error });
    }
  };
  /** Appends may take their time; beats and coverage do not wait for them. */
  const aside = (work: () => Promise<void>): void => {
    const running = attempt('sweep', work).finally(() => background.delete(running));
    background.add(running);
  };

  let sweeping = false;
  const sweep = async (detection: Detection): Promise<void> => {
    if (sweeping) return;
    sweeping = true;
    try {
      step({ kind: 'swept', ...(await sweeper.sweep(detection)) });
    } finally {
      sweeping = false;
    }
  };
  const flush = () =>
    attempt('flush', async () => {
      const flushed = await flusher.flush();
      if (flushed.due.length > 0) aside(async () => void (await sweeper.settle(flushed.due)));
      step({ kind: 'flushed', ...flushed });
    });
  const watch = () =>
    attempt('watch', async () => {
      await canaries.send();
      await flush();
      const { detection, ours } = await watcher.look();
      status.looked(detection.coverage);
      step({ kind: 'watched', detection, ours });
      if (ours)
        aside(() => announce(detection, { sql, store, facts, installationId, recorded: metrics.recorded }));
      if (ours) aside(() => sweep(detection));
    });
  const idle = async (): Promise<void> => {
    while (background.size > 0) await Promise.all(background);
  };

  const stopping = new AbortController();
  const loop = (everyMs: number, run: () => Promise<void>) =>
    repeat({
      everyMs,
      run,
      pace: options.pace ?? systemPace,
      signal: stopping.signal,
      monotonic: () => clock.monotonic(),
    });
  await nats.flush();
  const loops = options.loops === false ? [] : [loop(FLUSH_EVERY_MS, flush), loop(WATCH_INTERVAL_MS, watch)];
  return {
    check: () => status.problem(),
    get covered() {
      return status.covered;
    },
    get waiting() {
      return flusher.waiting;
    },
    flush,
    watch,
    idle,
    close: async () => {
      stopping.abort();
      beats.unsubscribe();
      canaries.close();
      await Promise.all(loops);
      await flush();
      await idle();
      await leaveReplicas(sql, replicaId).catch(() => undefined);
    },
  };
}
