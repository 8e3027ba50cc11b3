import 'reflect-metadata';
import { openEventStore } from '@keyfleet/event-store/open';
import { GuardedNatsServer } from '@keyfleet/messaging';
import {
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  nestLogger,
  startOperations,
  systemClock,
} from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import { waitForMigrations } from '@keyfleet/read-store';
import {
  BrokerMetrics,
  certificateMetrics,
  clockMetrics,
  handledCommands,
  poolMetrics,
  redisMetrics,
  storeMetrics,
} from '@keyfleet/telemetry';
import { startTracing } from '@keyfleet/telemetry/tracing';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { brokerOptions, connectBroker } from './broker.js';
import { type PolicyConfig, policyConfig } from './config.js';
import { distributePolicies } from './distribute.js';
import { POLICY_SETS } from './migration-sets.js';
import { PolicyModule, type PolicyParts } from './policy.module.js';
import { admitQueue, openQueue } from './queue.js';

const SERVICE = { service: 'policy', version: '0.1.0' };

const { value: config } = loadConfig(policyConfig);
const logger = createLogger(SERVICE);
const shutdown = createShutdown({ logger });
await start(config).catch((err: unknown) => {
  if (shutdown.signal.aborted) return undefined;
  logger.fatal({ err }, 'Policy could not start');
  return shutdown.begin('start failed', 1);
});

/** Connects to everything this service works with, says whether it is there, and answers commands. */
async function start({
  database,
  eventStore,
  redis,
  nats,
  operations: place,
  tracing: settings,
}: PolicyConfig): Promise<void> {
  const tracing = await startTracing({ ...SERVICE, settings });
  shutdown.onShutdown('tracing', () => tracing.close());
  const metrics = createMetrics(SERVICE);
  clockMetrics(metrics, systemClock);
  const onBroker = certificateMetrics(metrics, { ca: nats.caFile, service: nats.certFile });
  const brokerMetrics = new BrokerMetrics(metrics);
  const operations = await startOperations({ ...place, registry: metrics.registry });
  shutdown.onShutdown('operations', () => operations.close());
  let phase: string | undefined = 'connecting';
  operations.addCheck('started', () => phase);
  const sql = createSql({ url: database.workerUrl, applicationName: 'keyfleet-policy', max: 8 });
  shutdown.onShutdown('database', () => closeSql(sql));
  // Agents are answered also while people's questions keep the other one busy.
  const agents = createSql({ url: database.workerUrl, applicationName: 'keyfleet-policy-agents', max: 8 });
  shutdown.onShutdown('database of agents', () => closeSql(agents));
  operations.addCheck('database', () => sql`select 1`.then(() => undefined));
  poolMetrics(metrics, [sql, agents]);
  await waitForMigrations({ sql, sets: POLICY_SETS, signal: shutdown.signal });
  const store = await openEventStore({
    ...eventStore,
    databaseUrl: database.storeUrl,
    name: 'keyfleet-policy',
    onStep: storeMetrics(metrics),
  });
  shutdown.onShutdown('event store', () => store.close());
  operations.addCheck('event store', () => store.headPosition().then(() => undefined));
  const queue = { url: redis.url, logger, signal: shutdown.signal };
  const jobs = openQueue(queue);
  shutdown.onShutdown('redis', () => jobs.disconnect());
  operations.addCheck('redis', () => jobs.ping().then(() => undefined));
  redisMetrics({ metrics, redis: jobs });
  await admitQueue(jobs, queue);
  const broker = await connectBroker(nats, onBroker);
  shutdown.onShutdown('broker', () => broker.close());
  brokerMetrics.follow(broker, 'policy');
  operations.addCheck('broker', () => broker.flush());
  const responder: Pick<PolicyParts, 'onError' | 'onHandled'> = {
    onHandled: handledCommands(metrics),
    onError: (err, subject) => logger.error({ err, subject }, 'A command failed in a way of its own'),
  };
  const distributing = await distributePolicies({
    ...{
      config: { database, nats },
      sql: agents,
      store,
      broker,
      brokerMetrics,
      metrics,
      logger,
      shutdown,
      responder,
    },
  });
  operations.addCheck('projections', () => distributing.trouble());
  const strategy = new GuardedNatsServer({
    service: 'policy',
    broker: brokerOptions(nats, 'policy commands'),
    onDropped: brokerMetrics.onDropped,
  });
  const policies = PolicyModule.with({ ...responder, sql, store, clock: systemClock });
  await answerCommands(strategy, [policies, distributing.certificates]);
  phase = undefined;
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ operationsUrl: operations.url }, 'Policy is ready');
}

async function answerCommands(strategy: GuardedNatsServer, imports: readonly DynamicModule[]): Promise<void> {
  class Policy {}
  const service = { module: Policy, imports: [...imports] } satisfies DynamicModule;
  const app = await NestFactory.createMicroservice(service, { strategy, logger: nestLogger(logger) });
  await app.listen();
  shutdown.onShutdown('commands', () => app.close());
}
