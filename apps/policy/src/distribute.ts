import { Access, type ResponderOptions, translateFailure } from '@keyfleet/command-handling';
import type { EventStore } from '@keyfleet/event-store';
import { memberDirectory } from '@keyfleet/identity/read-model';
import { createCommandClient } from '@keyfleet/messaging';
import { type Logger, type Metrics, type Shutdown, systemClock } from '@keyfleet/platform';
import { agentReportsProjection } from '@keyfleet/policy/read-model';
import type { Sql } from '@keyfleet/postgres';
import { hostProjections } from '@keyfleet/read-store';
import { type BrokerMetrics, measuredCommands, projectionMetrics } from '@keyfleet/telemetry';
import type { NatsConnection } from '@nats-io/transport-node';
import type { DynamicModule } from '@nestjs/common';
import { brokerOptions } from './broker.js';
import { Certificates } from './certificates/certificates.js';
import { CertificatesModule } from './certificates/certificates.nats.js';
import type { PolicyConfig } from './config.js';
import { AuthoritySigner } from './distribution/signer.js';
import { startDistribution } from './distribution/start.js';

export interface DistributePolicies {
  readonly config: Pick<PolicyConfig, 'database' | 'nats'>;
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly broker: NatsConnection;
  readonly brokerMetrics: BrokerMetrics;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly shutdown: Shutdown;
  readonly responder: Omit<ResponderOptions, 'translate'>;
}

export interface Distributing {
  /** A sentence where the reports of agents are not taken in. */
  trouble(): string | undefined;
  /** Answers commands about what was distributed. */
  readonly certificates: DynamicModule;
}

const ACTOR = 'svc_policy';

/** Gives agents their policies and takes in what they say of them, until shutdown. */
export async function distributePolicies(given: DistributePolicies): Promise<Distributing> {
  const { config, sql, store, broker, brokerMetrics, metrics, logger, shutdown, responder } = given;
  const { workerUrl } = config.database;
  const client = createCommandClient(brokerOptions(config.nats, 'policy signing'));
  shutdown.onShutdown('signing', () => client.close());
  const commands = measuredCommands(client, metrics);
  const clock = systemClock;
  const projecting = { sql, store, projections: [agentReportsProjection] };
  const host = hostProjections({
    ...projecting,
    onStep: projectionMetrics({ ...projecting, metrics, logger }),
  });
  shutdown.onShutdown('projections', () => host.close());
  const distribution = await startDistribution({
    ...{ sql, workerUrl, store, nats: broker, commands, clock, logger, metrics, actor: ACTOR },
    onDropped: brokerMetrics.onDropped,
  });
  shutdown.onShutdown('distribution', () => distribution.close());
  const access = new Access(memberDirectory(sql, clock));
  const signer = new AuthoritySigner(commands);
  const certificates = new Certificates({ sql, store, signer, clock, access });
  const options = { ...responder, translate: translateFailure };
  return {
    trouble: () => host.trouble(),
    certificates: CertificatesModule.with(certificates, options),
  };
}
