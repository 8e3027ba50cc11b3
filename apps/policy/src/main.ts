import { serviceInbox } from '@keyfleet/contracts/messages';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { checkRedis, connectNats, createProducerConnection, identityFromFiles } from '@keyfleet/messaging';
import { createLogger, createMetrics, createShutdown, loadConfig, startOperations } from '@keyfleet/platform';
import { type PolicyConfig, policyConfig } from './config.js';

const SERVICE = { service: 'policy', version: '0.1.0' };

const { value: config } = loadConfig(policyConfig);
const logger = createLogger(SERVICE);
const shutdown = createShutdown({ logger });
await start(config).catch((err: unknown) => {
  logger.fatal({ err }, 'Policy could not start');
  return shutdown.begin('start failed', 1);
});

/** Connects to everything this service will work with and says whether it is there. It answers no command yet. */
async function start({ database, redis: queue, nats, operations: place }: PolicyConfig): Promise<void> {
  const metrics = createMetrics(SERVICE);
  const operations = await startOperations({ ...place, registry: metrics.registry });
  shutdown.onShutdown('operations', () => operations.close());
  let phase: string | undefined = 'connecting';
  operations.addCheck('started', () => phase);
  const store = createPostgresEventStore({ url: database.storeUrl, name: 'keyfleet-policy' });
  shutdown.onShutdown('event store', () => store.close());
  const redis = createProducerConnection(queue.url, (err) => logger.warn({ err: err.name }, 'Redis is away'));
  shutdown.onShutdown('redis', () => redis.disconnect());
  const files = {
    credentialsFile: nats.credentialsFile,
    certificateFile: nats.certFile,
    keyFile: nats.keyFile,
    caFile: nats.caFile,
  };
  const broker = await connectNats({
    servers: [nats.url],
    identity: identityFromFiles(files),
    inboxPrefix: serviceInbox('policy'),
    name: 'policy',
    waitOnFirstConnect: true,
  });
  shutdown.onShutdown('broker', () => broker.close());
  operations.addCheck('event store', () => store.headPosition().then(() => undefined));
  operations.addCheck('redis', async () =>
    (await checkRedis(redis)) === 'none' ? 'Redis keeps nothing on disk' : undefined,
  );
  phase = undefined;
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ operationsUrl: operations.url }, 'Policy is ready');
}
