import { REFUSAL_REASONS } from '@keyfleet/contracts/events';
import type { Metrics } from '@keyfleet/platform';
import { children } from '@keyfleet/telemetry';
import type { Admission, Traffic } from './admission.js';
import type { RefusalReason } from './examine.js';
import { QUARANTINE_REASONS, type QuarantineReason } from './quarantine.js';

const OUTCOMES = [
  'stored',
  'repeated',
  'busy',
  'behind',
  'forked',
  'conflict',
  'quarantined',
  'refused-identity',
  'unavailable',
  'failed',
] as const;
/** How a batch or a sync ended; the label of the counters. */
export type Outcome = (typeof OUTCOMES)[number];

const EPOCH_REASONS = ['fork', 'gap'] as const;
/** Why a journal goes on in a new epoch: a disk was rolled back, or entries are nowhere any more. */
export type EpochReason = (typeof EPOCH_REASONS)[number];

/** A batch's way: waiting for a place, reading it, who sent it and whether it is theirs, its entries, the store. */
export type Stage = 'wait' | 'read' | 'verify' | 'examine' | 'place' | 'append';

/** What ingest counts. */
export interface IngestMetrics {
  batch(outcome: Outcome, seconds: number): void;
  stage(stage: Stage, seconds: number): void;
  newEpoch(because: EpochReason): void;
  stored(entries: number): void;
  refused(reason: RefusalReason): void;
  quarantined(reason: QuarantineReason): void;
}

export const NO_METRICS: IngestMetrics = {
  batch: () => {},
  stage: () => {},
  newEpoch: () => {},
  stored: () => {},
  refused: () => {},
  quarantined: () => {},
};

/** Read when asked for: how many batches are worked on and how many wait. */
export function watchAdmission(metrics: Metrics, admission: Admission): void {
  const labelNames = ['traffic'] as const;
  const each = (of: (traffic: Traffic) => number) =>
    (['live', 'backlog'] as const).map((t) => [t, of(t)] as const);
  metrics.gauge({
    name: 'keyfleet_ingest_batches_active',
    help: 'Batches being worked on, by whether they come from a backlog.',
    labelNames,
    collect() {
      for (const [traffic, count] of each((one) => admission.load(one).active)) this.set({ traffic }, count);
    },
  });
  metrics.gauge({
    name: 'keyfleet_ingest_batches_waiting',
    help: 'Batches waiting for their turn, by whether they come from a backlog.',
    labelNames,
    collect() {
      for (const [traffic, count] of each((one) => admission.load(one).waiting)) this.set({ traffic }, count);
    },
  });
}

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
  const stages = metrics.histogram({
    name: 'keyfleet_ingest_stage_seconds',
    help: 'Time of a batch in each stage of its way.',
    labelNames: ['stage'],
    buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  });
  const epochs = metrics.counter({
    name: 'keyfleet_ingest_epochs_total',
    help: 'Journals that went on in a new epoch: after a fork (a disk was rolled back) or a gap (entries are lost).',
    labelNames: ['because'],
  });
  // What is counted first would else be where its series begins, and alerts ask for what was added to one.
  for (const outcome of OUTCOMES) batches.zero({ outcome });
  for (const reason of REFUSAL_REASONS) refused.inc({ reason }, 0);
  for (const reason of QUARANTINE_REASONS) quarantine.inc({ reason }, 0);
  for (const because of EPOCH_REASONS) epochs.inc({ because }, 0);
  const batch = children((outcome: Outcome) => batches.labels(outcome));
  const stage = children((name: Stage) => stages.labels(name));
  return {
    batch: (outcome, seconds) => batch(outcome).observe(seconds),
    stage: (name, seconds) => stage(name).observe(seconds),
    newEpoch: (because) => epochs.inc({ because }),
    stored: (count) => entries.inc(count),
    refused: (reason) => refused.inc({ reason }),
    quarantined: (reason) => quarantine.inc({ reason }),
  };
}
