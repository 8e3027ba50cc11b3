import type { Metrics } from '@keyfleet/platform';
import type { ReconcileResult } from './reconciler.js';

export interface AuthorityMetrics {
  readonly onResult: (result: ReconcileResult, takenOver: number) => void;
  readonly onError: () => void;
}

/** Whether the brokers go by the revocation table: what was compared and told, and when that last worked. */
export function authorityMetrics(metrics: Metrics, now: () => number): AuthorityMetrics {
  const checks = metrics.counter({
    name: 'keyfleet_authority_checks_total',
    help: 'Comparisons of the brokers with the revocation table: same, pushed (they differed), busy (another registry is at it), failed.',
    labelNames: ['result'],
  });
  const takenOver = metrics.counter({
    name: 'keyfleet_authority_revocations_taken_over_total',
    help: 'Revocations the brokers knew of and the table had lost.',
  });
  const last = metrics.gauge({
    name: 'keyfleet_authority_last_success_timestamp_seconds',
    help: 'When this process last knew that the brokers go by the table, by its own look or because another registry was at it.',
  });
  for (const result of ['same', 'pushed', 'busy', 'failed']) checks.labels(result).inc(0);
  return {
    onResult: (result, lost) => {
      checks.inc({ result });
      if (lost > 0) takenOver.inc(lost);
      last.set(now() / 1_000);
    },
    onError: () => checks.inc({ result: 'failed' }),
  };
}
