import { listenToAgents } from '@keyfleet/messaging';
import { WATCH_INTERVAL_MS } from '@keyfleet/registry/liveness';
import type { Subscription } from '@nats-io/transport-node';
import { decodeBeat } from './beats/beat.js';
import { EnrolledAgents } from './beats/enrolled.js';
import { Flusher } from './beats/flusher.js';
import { type LivenessMetrics, livenessMetrics, NO_METRICS } from './metrics.js';
import { notifyDetection } from './notify.js';
import type { Liveness, LivenessOptions, Work } from './options.js';
import { repeat, systemPace } from './pace.js';
import { Sweeper } from './silence/sweeper.js';
import { DetectionStatus } from './status.js';
import { FactMaker } from './store-facts.js';
import { announce } from './watch/announce.js';
import { Canaries } from './watch/canary.js';
import { addDetection, type Detection } from './watch/detection.js';
import { joinReplicas, leaveReplicas, type Registration } from './watch/replicas.js';
import { Watcher } from './watch/watcher.js';

const QUEUE = 'registry';
const FLUSH_EVERY_MS = 500;

/** Listens to heartbeats, keeps last-seen, and records who went silent, came back, changed or seems doubled. */
export async function startLiveness(options: LivenessOptions): Promise<Liveness> {
  const { clock, installationId, nats, replicaId, sql } = options;
  const nodes = options.nodes ?? [{ name: 'broker', connection: nats }];
  const me = { replicaId, nodes: nodes.map(({ name }) => name) };
  await addDetection(sql, installationId);
  await joinReplicas(sql, me, clock.now());
  const canaries = new Canaries({
    replicaId,
    connection: nats,
    nodes,
    queue: QUEUE,
    now: () => clock.now(),
    ownMs: options.canaryWaitMs,
  });
  const liveness = new RunningLiveness(options, me, canaries);
  await nats.flush();
  if (options.loops !== false) liveness.run();
  return liveness;
}

class RunningLiveness implements Liveness {
  readonly #options: LivenessOptions;
  readonly #metrics: LivenessMetrics;
  readonly #canaries: Canaries;
  readonly #facts: FactMaker;
  readonly #status: DetectionStatus;
  readonly #flusher: Flusher;
  readonly #sweeper: Sweeper;
  readonly #watcher: Watcher;
  readonly #beats: Subscription;
  readonly #stopping = new AbortController();
  readonly #aside = new Set<Promise<void>>();
  #loops: readonly Promise<void>[] = [];
  #sweeping = false;

  constructor(options: LivenessOptions, me: Registration, canaries: Canaries) {
    const { clock, installationId, logger, replicaId, sql, store } = options;
    const metrics = options.metrics ? livenessMetrics(options.metrics) : NO_METRICS;
    const failpoint = options.failpoint ?? (async () => {});
    this.#options = options;
    this.#metrics = metrics;
    this.#canaries = canaries;
    this.#facts = new FactMaker(installationId, clock);
    this.#status = new DetectionStatus({ clock, logger, metrics });
    const enrolled = new EnrolledAgents(store, clock);
    this.#flusher = new Flusher({ sql, clock, installationId, me, canaries, enrolled, metrics });
    this.#sweeper = new Sweeper({ sql, store, clock, facts: this.#facts, metrics, failpoint });
    const onChange = (tx: Parameters<typeof notifyDetection>[0]) => notifyDetection(tx, installationId);
    this.#watcher = new Watcher({ sql, store, clock, installationId, replicaId, canaries, onChange });
    metrics.waiting(() => this.waiting);
    this.#beats = this.#listen();
  }

  check(): string | undefined {
    return this.#status.problem();
  }

  get covered(): boolean {
    return this.#status.covered;
  }

  get waiting(): number {
    return this.#flusher.waiting;
  }

  run(): void {
    const { clock, pace = systemPace } = this.#options;
    const timing = { pace, signal: this.#stopping.signal, monotonic: () => clock.monotonic() };
    this.#loops = [
      repeat({ ...timing, everyMs: FLUSH_EVERY_MS, run: () => this.flush() }),
      repeat({ ...timing, everyMs: WATCH_INTERVAL_MS, run: () => this.watch() }),
    ];
  }

  flush(): Promise<void> {
    return this.#attempt('flush', async () => {
      const flushed = await this.#flusher.flush();
      if (flushed.due.length > 0) this.#begin(() => this.#sweeper.settle(flushed.due));
      this.#options.onStep?.({ kind: 'flushed', ...flushed });
    });
  }

  watch(): Promise<void> {
    return this.#attempt('watch', async () => {
      await this.#canaries.send();
      await this.flush();
      const look = await this.#watcher.look();
      this.#status.looked(look.detection.coverage);
      this.#options.onStep?.({ kind: 'watched', ...look });
      if (!look.ours) return;
      this.#begin(() => this.#announce(look.detection));
      this.#begin(() => this.#sweep(look.detection));
    });
  }

  async idle(): Promise<void> {
    while (this.#aside.size > 0) await Promise.all(this.#aside);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#beats.unsubscribe();
    this.#canaries.close();
    await Promise.all(this.#loops);
    await this.flush();
    await this.idle();
    // Where the database is away, the others find out by themselves.
    await leaveReplicas(this.#options.sql, this.#options.replicaId).catch(() => undefined);
  }

  #listen(): Subscription {
    const { clock, nats, onDropped } = this.#options;
    const malformed = () => this.#metrics.beats('malformed', 1);
    return listenToAgents(
      nats,
      { kind: 'hb', queue: QUEUE, onDropped, onError: malformed },
      ({ caller, data }) => {
        const beat = decodeBeat(data, caller, clock.now());
        if (beat) this.#flusher.add(beat);
        else malformed();
        return undefined;
      },
    );
  }

  /** Appends may take their time; beats and coverage do not wait for them. */
  #begin(work: () => Promise<unknown>): void {
    const running = this.#attempt('record', async () => void (await work()));
    this.#aside.add(running);
    void running.then(() => this.#aside.delete(running));
  }

  async #sweep(detection: Detection): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      const swept = await this.#sweeper.sweep(detection);
      this.#options.onStep?.({ kind: 'swept', ...swept });
    } finally {
      this.#sweeping = false;
    }
  }

  #announce(detection: Detection): Promise<void> {
    const { sql, store, installationId } = this.#options;
    const recorded = this.#metrics.recorded;
    return announce(detection, { sql, store, facts: this.#facts, installationId, recorded });
  }

  /** Everything here is taken again soon, so a failure is told and nothing else. */
  async #attempt(what: Work, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (what === 'watch') this.#status.failed();
      this.#options.logger.warn({ err: error, what }, 'Liveness could not finish a step; it is taken again');
      this.#options.onStep?.({ kind: 'failed', what, error });
    }
  }
}
