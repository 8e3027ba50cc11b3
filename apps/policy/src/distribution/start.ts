import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import { type CommandClient, listenToAgents, type OnDropped } from '@keyfleet/messaging';
import type { Logger, Metrics } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import { listenChanges } from '@keyfleet/read-store';
import type { NatsConnection } from '@nats-io/transport-node';
import { rolloutMetrics } from '../rollouts/metrics.js';
import { Rollouts } from '../rollouts/rollouts.js';
import { AHEAD, PolicyAnswers } from './answers.js';
import { BundleCache } from './bundle-cache.js';
import { BundleMaker } from './bundles.js';
import { CommandKey } from './command-key.js';
import { Delivery } from './delivery.js';
import { Distributor, type DistributorParts } from './distributor.js';
import { type Fence, underLease } from './lease.js';
import { distributionMetrics } from './metrics.js';
import { PolicyBook } from './policy-book.js';
import { AuthoritySigner } from './signer.js';
import { followCauses } from './wakes.js';

export interface DistributionOptions extends Pick<DistributorParts, 'sweepMs' | 'lookMs'> {
  /** As `kf_worker`. */
  readonly sql: Sql;
  /** The same, for a connection that listens. */
  readonly workerUrl: string;
  readonly store: EventStore;
  readonly nats: NatsConnection;
  readonly commands: Pick<CommandClient, 'send'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `svc_…`: who is named as the actor of rollouts. */
  readonly actor: string;
  readonly onDropped?: OnDropped;
  /** By the database's clock; 10 s by default. */
  readonly leaseTtlMs?: number;
  readonly leaseRetryMs?: number;
}

export interface Distribution {
  /** Answers what was asked already, gives the lease back, and ends. */
  close(): Promise<void>;
}

/** One lease for all of it. */
const LEASE = 'policy.distribution';
const QUEUE = 'policy';

/** Gives every agent the policies it should decide by, carries rollouts on and answers agents, until closed. */
export async function startDistribution(options: DistributionOptions): Promise<Distribution> {
  const { sql, workerUrl, store, nats, clock, logger, actor } = options;
  const metrics = distributionMetrics(options.metrics);
  const onError = (err: unknown): void => {
    metrics.failed();
    logger.error({ err }, 'The distribution of policies stopped; it is started again');
  };
  const stop = new AbortController();
  const signer = new AuthoritySigner(options.commands);
  const bundles = new BundleCache(sql);
  const distributor = new Distributor({
    ...{ ...options, metrics, book: new PolicyBook(store), bundles: new BundleMaker() },
    delivery: new Delivery({ sql, signer, bundles, nats, clock, metrics }),
    commandKey: new CommandKey(signer),
    rollouts: new Rollouts({ sql, store, clock, actor, onMoved: rolloutMetrics(options.metrics) }),
  });
  const answers = new PolicyAnswers({ sql, bundles, metrics, onError });
  const listener = listenToAgents(
    nats,
    { kind: 'rpc.policy', queue: QUEUE, onDropped: options.onDropped, onError },
    ({ caller, data }) => answers.answer(caller, data),
  );
  const listening = await listenChanges({
    url: workerUrl,
    applicationName: 'keyfleet-policy-distribution',
    onNotice: ({ readModel, orgId }) => {
      if (readModel === 'policy.agent-reports') distributor.answered();
      if (readModel === AHEAD && orgId !== null) distributor.touch(orgId);
    },
    onLost: () => distributor.answered(),
  });
  const working = underLease({
    ...{ sql, name: LEASE, signal: stop.signal, onError, onHeld: metrics.held },
    ...{ ttlMs: options.leaseTtlMs, retryMs: options.leaseRetryMs },
    work: (fence, signal) => distribute(distributor, store, fence, signal),
  });
  return {
    close: async () => {
      if (!listener.isClosed()) await listener.drain();
      stop.abort();
      await Promise.all([working, listening.close()]);
    },
  };
}

/** Both for as long as the other: who hears of nothing would only look from time to time. */
async function distribute(
  distributor: Distributor,
  store: EventStore,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const together = AbortSignal.any([signal, ended.signal]);
  const onCause = ({ metadata, position, recordedAt, stream }: RecordedEvent): void => {
    if (metadata.orgId === null) return;
    const since = recordedAt;
    distributor.touch(metadata.orgId, { position: stream.startsWith('policy-') ? null : position, since });
  };
  await Promise.all(
    [followCauses(store, onCause, together), distributor.run(fence, together)].map((part) =>
      part.finally(() => ended.abort()),
    ),
  );
}
