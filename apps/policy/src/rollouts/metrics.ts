import type { Metrics } from '@keyfleet/platform';
import type { RolloutParts } from './rollouts.js';

export function rolloutMetrics(metrics: Metrics): RolloutParts['onMoved'] {
  const moved = metrics.counter({
    name: 'keyfleet_policy_rollouts_total',
    help: 'Rollouts that went on by themselves: advanced to the next wave, completed, or halted.',
    labelNames: ['result'],
  });
  for (const result of ['advanced', 'completed', 'halted']) moved.labels(result).inc(0);
  return (result) => moved.inc({ result });
}
