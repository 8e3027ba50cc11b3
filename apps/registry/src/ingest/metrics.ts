import type { Metrics } from '@keyfleet/platform';
import type { RefusalReason } from './examine.js';
import type { QuarantineReason } from './quarantine.js';

/** How a batch or a sync ended; the label of the counters. */
export type Outcome =
  | 'stored'
  | 'repeated'
  | 'busy'
  | 'behind'
  | 'forked'
  | 'conflict'
  | 'quarantined'
  | 'refused-identity'
  | 'unavailable'
  | 'failed';

/** What ingest counts. */
export interface IngestMetrics {
  batch(outcome: Outcome, seconds: number): void;
  stored(entries: number): void;
  refused(reason: RefusalReason): void;
  quarantined(reason: QuarantineReason): void;
}

export const NO_METRICS: IngestMetrics = {
  batch: () => {},
  stored: () => {},
  refused: () => {},
  quarantined: () => {},
};

export function ingestMetrics(metrics: Metrics): IngestMetrics {
  const batches = metrics.histogram({
    name: 'keyfleet_ingest_batch_seconds',
    help: 'Time from a journal batch arriving to its answer, by how it ended.',
    labelNames: ['outcome'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  });
  const entries = metrics.counter({
    name: 'keyfleet_ingest_entries_stored_total',
    help: 'Journal entries committed to the event store.',
  });
  const refused = metrics.counter({
    name: 'keyfleet_ingest_entries_refused_total',
    help: 'Journal entries stored as AgentEventRefused, by reason.',
    labelNames: ['reason'],
  });
  const quarantine = metrics.counter({
    name: 'keyfleet_ingest_quarantined_total',
    help: 'Messages that could not be taken, by reason.',
    labelNames: ['reason'],
  });
  return {
    batch: (outcome, seconds) => batches.observe({ outcome }, seconds),
    stored: (count) => entries.inc(count),
    refused: (reason) => refused.inc({ reason }),
    quarantined: (reason) => quarantine.inc({ reason }),
  };
}
