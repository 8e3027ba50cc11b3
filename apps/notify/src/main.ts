import { openEventStore } from '@keyfleet/event-store/open';
import {
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  startOperations,
  systemClock,
} from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import {
  BrokerMetrics,
  certificateMetrics,
  clockMetrics,
  poolMetrics,
  redisMetrics,
  storeMetrics,
} from '@keyfleet/telemetry';
import { startTracing } from '@keyfleet/telemetry/tracing';
import { connectBroker } from './broker.js';
import { type NotifyConfig, notifyConfig } from './config.js';
import { admitQueue, openQueue } from './queue.js';

const SERVICE = { service: 'notify', version: '0.1.0' };

const { value: config } = loadConfig(notifyConfig);
const logger = createLogger(SERVICE);
const shutdown = createShutdown({ logger });
await start(config).catch((err: unknown) => {
  if (shutdown.signal.aborted) return undefined;
  logger.fatal({ err }, 'Notify could not start');
  return shutdown.begin('start failed', 1);
});

/** Connects to everything this service works with and says whether it is there. It answers no command yet. */
async function start({
  database,
  eventStore,
  redis,
  nats,
  operations: place,
  tracing: settings,
}: NotifyConfig): Promise<void> {
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
  const sql = createSql({ url: database.workerUrl, applicationName: 'keyfleet-notify', max: 2 });
  shutdown.onShutdown('database', () => closeSql(sql));
  operations.addCheck('database', () => sql`select 1`.then(() => undefined));
  poolMetrics(metrics, [sql]);
  const store = await openEventStore({
    ...eventStore,
    databaseUrl: database.storeUrl,
    name: 'keyfleet-notify',
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
  brokerMetrics.follow(broker, 'notify');
  operations.addCheck('broker', () => broker.flush());
  phase = undefined;
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ operationsUrl: operations.url }, 'Notify is ready');
}
