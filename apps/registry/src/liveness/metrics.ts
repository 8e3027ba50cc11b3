import type { Metrics } from '@keyfleet/platform';
import type { PauseReason } from '@keyfleet/registry/liveness';

/** What became of a beat. */
export type BeatResult = 'taken' | 'stale' | 'malformed' | 'unknown-agent' | 'revoked' | 'unverified';

/** What this process can say about detection at this moment. */
export interface DetectionReading {
  readonly covered: boolean;
  readonly coveredSeconds: number;
  /** Why it is paused; null while it is not, and where nobody knows. */
  readonly reason: PauseReason | null;
}

export interface LivenessMetrics {
  beats(result: BeatResult, count: number): void;
  flushed(seconds: number): void;
  swept(seconds: number): void;
  recorded(type: string, count: number): void;
  /** Asked at each scrape, as below: agents with beats that are not written yet. */
  waiting(read: () => number): void;
  /** Asked at each scrape: a look that hangs must not leave the last good answer standing. */
  detection(read: () => DetectionReading): void;
}

export const NO_METRICS: LivenessMetrics = {
  beats: () => {},
  flushed: () => {},
  swept: () => {},
  recorded: () => {},
  waiting: () => {},
  detection: () => {},
};

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function livenessMetrics(metrics: Metrics): LivenessMetrics {
  const beats = metrics.counter({
    name: 'keyfleet_heartbeats_total',
    help: 'Heartbeats that arrived, by what became of them.',
    labelNames: ['result'],
  });
  const flush = metrics.histogram({
    name: 'keyfleet_liveness_flush_seconds',
    help: 'Time to write the beats of one interval.',
    buckets: BUCKETS,
  });
  const sweep = metrics.histogram({
    name: 'keyfleet_liveness_sweep_seconds',
    help: 'Time to find silent agents and record them.',
    buckets: BUCKETS,
  });
  const facts = metrics.counter({
    name: 'keyfleet_liveness_facts_total',
    help: 'Transitions recorded in the event store, by type of event.',
    labelNames: ['type'],
  });
  return {
    beats: (result, count) => beats.inc({ result }, count),
    flushed: (took) => flush.observe(took),
    swept: (took) => sweep.observe(took),
    recorded: (type, count) => facts.inc({ type }, count),
    waiting: (read) => {
      metrics.gauge({
        name: 'keyfleet_liveness_beats_waiting',
        help: 'Agents with beats that are not written yet.',
        collect() {
          this.set(read());
        },
      });
    },
    detection: (read) => detectionGauges(metrics, read),
  };
}

function detectionGauges(metrics: Metrics, read: () => DetectionReading): void {
  metrics.gauge({
    name: 'keyfleet_detection_covered',
    help: '1 while silence of agents would be noticed, 0 while this installation is blind.',
    collect() {
      this.set(read().covered ? 1 : 0);
    },
  });
  metrics.gauge({
    name: 'keyfleet_detection_covered_seconds',
    help: 'Seconds in which silence would have been noticed, since the installation began.',
    collect() {
      this.set(read().coveredSeconds);
    },
  });
  metrics.gauge({
    name: 'keyfleet_detection_paused',
    help: '1 for the reason for which detection is paused, as far as this replica knows.',
    labelNames: ['reason'],
    collect() {
      const { reason } = read();
      this.reset();
      if (reason) this.set({ reason }, 1);
    },
  });
}
