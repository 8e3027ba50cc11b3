import type { Metrics } from '@keyfleet/platform';

/** What became of a beat. */
export type BeatResult = 'taken' | 'stale' | 'malformed' | 'unknown-agent' | 'revoked' | 'unverified';

export interface LivenessMetrics {
  beats(result: BeatResult, count: number): void;
  flushed(seconds: number): void;
  swept(seconds: number): void;
  recorded(type: string, count: number): void;
  covered(covered: boolean, seconds: number): void;
}

export const NO_METRICS: LivenessMetrics = {
  beats: () => {},
  flushed: () => {},
  swept: () => {},
  recorded: () => {},
  covered: () => {},
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
  const covered = metrics.gauge({
    name: 'keyfleet_detection_covered',
    help: '1 while silence of agents would be noticed, 0 while this installation is blind.',
  });
  const seconds = metrics.gauge({
    name: 'keyfleet_detection_covered_seconds',
    help: 'Seconds in which silence would have been noticed, since the installation began.',
  });
  return {
    beats: (result, count) => beats.inc({ result }, count),
    flushed: (took) => flush.observe(took),
    swept: (took) => sweep.observe(took),
    recorded: (type, count) => facts.inc({ type }, count),
    covered: (now, total) => {
      covered.set(now ? 1 : 0);
      seconds.set(total);
    },
  };
}
