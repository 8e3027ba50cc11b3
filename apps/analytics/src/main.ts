import {
  agentHistoryProjection,
  analyticsMigrations,
  eventsProjection,
} from '@keyfleet/analytics/read-model';
import { openEventStore } from '@keyfleet/event-store/open';
import {
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  startOperations,
  systemClock,
} from '@keyfleet/platform';
import { policiesProjection, policyMigrations, requestClassesProjection } from '@keyfleet/policy/read-model';
import { closeSql, createSql } from '@keyfleet/postgres';
import { hostProjections, projectionsMigrations, waitForMigrations } from '@keyfleet/read-store';
import {
  BrokerMetrics,
  certificateMetrics,
  clockMetrics,
  poolMetrics,
  projectionMetrics,
  storeMetrics,
} from '@keyfleet/telemetry';
import { startTracing } from '@keyfleet/telemetry/tracing';
import { connectBroker } from './broker.js';
import { type AnalyticsConfig, analyticsConfig } from './config.js';

const SERVICE = { service: 'analytics', version: '0.1.0' };

/** Read models nobody decides by: the timeline, the past, what policies say and what was asked of agents. */
const PROJECTIONS = [eventsProjection, agentHistoryProjection, policiesProjection, requestClassesProjection];

const { value: config } = loadConfig(analyticsConfig);
const logger = createLogger(SERVICE);
const shutdown = createShutdown({ logger });
await start(config).catch((err: unknown) => {
  if (shutdown.signal.aborted) return undefined;
  logger.fatal({ err }, 'Analytics could not start');
  return shutdown.begin('start failed', 1);
});

async function start({
  database,
  eventStore,
  nats,
  operations: place,
  tracing: settings,
}: AnalyticsConfig): Promise<void> {
  const tracing = await startTracing({ ...SERVICE, settings });
  shutdown.onShutdown('tracing', () => tracing.close());
  const metrics = createMetrics(SERVICE);
  clockMetrics(metrics, systemClock);
  const onBroker = certificateMetrics(metrics, { ca: nats.caFile, service: nats.certFile });
  const brokerMetrics = new BrokerMetrics(metrics);
  const operations = await startOperations({ ...place, registry: metrics.registry });
  shutdown.onShutdown('operations', () => operations.close());
  let phase: string | undefined = 'waiting for the migrations';
  operations.addCheck('started', () => phase);
  const sql = createSql({
    url: database.workerUrl,
    applicationName: 'keyfleet-analytics',
    max: 3 * PROJECTIONS.length,
  });
  shutdown.onShutdown('database', () => closeSql(sql));
  const sets = [
    { owner: 'projections', migrations: projectionsMigrations },
    analyticsMigrations,
    policyMigrations,
  ];
  await waitForMigrations({ sql, sets, signal: shutdown.signal });
  const store = await openEventStore({
    ...eventStore,
    databaseUrl: database.storeUrl,
    name: 'keyfleet-analytics',
    onStep: storeMetrics(metrics),
  });
  shutdown.onShutdown('event store', () => store.close());
  poolMetrics(metrics, [sql]);
  const projecting = { sql, store, projections: PROJECTIONS };
  const host = hostProjections({
    ...projecting,
    onStep: projectionMetrics({ ...projecting, metrics, logger }),
  });
  shutdown.onShutdown('projections', () => host.close());
  operations.addCheck('projections', () => host.trouble());
  operations.addCheck('database', () => sql`select 1`.then(() => undefined));
  // Facts come by the event store: the timeline goes on while the broker is away.
  phase = 'waiting for the broker';
  const broker = await connectBroker(nats, onBroker);
  shutdown.onShutdown('broker', () => broker.close());
  brokerMetrics.follow(broker, 'analytics');
  operations.addCheck('broker', () => broker.flush());
  phase = undefined;
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ operationsUrl: operations.url }, 'Analytics projects');
}
