import type { Metrics } from '@keyfleet/platform';

export interface DistributionMetrics {
  /** A look at one organisation: how many agents it has, how many were given something else. */
  readonly reconciled: (agents: number, changed: number, seconds: number) => void;
  readonly signed: (manifests: number) => void;
  readonly pushed: (manifests: number, kind: 'new' | 'again') => void;
  /** Bundles that would be larger than agents take: their agents keep what they have. */
  readonly tooLarge: () => void;
  /** From a fact to the push of what follows from it. */
  readonly lag: (seconds: number) => void;
  readonly failed: () => void;
  readonly held: (held: boolean) => void;
  readonly answered: (
    kind: 'manifest' | 'bundle' | 'other',
    result: 'answered' | 'refused' | 'later',
  ) => void;
}

export function distributionMetrics(metrics: Metrics): DistributionMetrics {
  const seconds = metrics.histogram({
    name: 'keyfleet_policy_reconcile_seconds',
    help: 'Time to work out and write what the agents of one organisation should decide by.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  });
  const lag = metrics.histogram({
    name: 'keyfleet_policy_push_lag_seconds',
    help: 'From the event that changed what agents should decide by to the push of the last manifest.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  });
  const agents = metrics.counter({
    name: 'keyfleet_policy_reconciled_total',
    help: 'Agents looked at, and those that were given another bundle.',
    labelNames: ['result'],
  });
  const signed = metrics.counter({ name: 'keyfleet_policy_manifests_total', help: 'Manifests signed.' });
  const pushes = metrics.counter({
    name: 'keyfleet_policy_pushes_total',
    help: 'Manifests pushed to agents: new ones, and again to those online that did not answer, or after the command key changed.',
    labelNames: ['kind'],
  });
  const tooLarge = metrics.counter({
    name: 'keyfleet_policy_bundles_too_large_total',
    help: 'Bundles that were not made, because agents would not take them.',
  });
  const failures = metrics.counter({
    name: 'keyfleet_policy_distribution_failures_total',
    help: 'Times distribution stopped and was started again.',
  });
  const held = metrics.gauge({
    name: 'keyfleet_policy_distribution_lease_held',
    help: '1 where this process distributes; over all replicas exactly one should.',
  });
  const answers = metrics.counter({
    name: 'keyfleet_policy_answers_total',
    help: 'Questions of agents on rpc.policy.',
    labelNames: ['kind', 'result'],
  });
  return {
    reconciled: (looked, changed, took) => {
      seconds.observe(took);
      agents.inc({ result: 'looked-at' }, looked);
      agents.inc({ result: 'changed' }, changed);
    },
    signed: (count) => signed.inc(count),
    pushed: (count, kind) => pushes.inc({ kind }, count),
    tooLarge: () => tooLarge.inc(),
    lag: (value) => lag.observe(value),
    failed: () => failures.inc(),
    held: (is) => held.set(is ? 1 : 0),
    answered: (kind, result) => answers.inc({ kind, result }),
  };
}
