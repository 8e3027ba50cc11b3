import { fileURLToPath } from 'node:url';
import { serviceInbox, touchSession } from '@keyfleet/contracts/messages';
import { authQueries } from '@keyfleet/identity/read-model';
import { createCommandClient, createProducerConnection, identityFromFiles } from '@keyfleet/messaging';
import {
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  type Metrics,
  newId,
  type Operations,
  startOperations,
  systemClock,
} from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import { Cursors, listenChanges } from '@keyfleet/read-store';
import {
  certificateMetrics,
  clockMetrics,
  measuredCommands,
  poolMetrics,
  redisMetrics,
} from '@keyfleet/telemetry';
import { startTracing } from '@keyfleet/telemetry/tracing';
import { Authenticator } from './access/authenticator.js';
import { SignInLimits } from './access/sign-in-limits.js';
import { createGateway } from './app.js';
import { type GatewayConfig, gatewayConfig } from './config.js';
import { EnrolmentLimits } from './enrolment/enrolment-limits.js';
import { FleetFeed } from './feed/fleet-feed.js';
import { feedMetrics, limitMetrics, watchEdge } from './http/edge-metrics.js';
import { measureRequests } from './http/request-metrics.js';
import { traceRequests } from './http/request-spans.js';
import { sqlPolicyReads } from './reads/sql-policy-reads.js';
import { sqlReads } from './reads/sql-reads.js';

const VERSION = '0.1.0';
const SERVICE = { service: 'gateway', version: VERSION };
const DASHBOARD = fileURLToPath(new URL('../../web/dist', import.meta.url));

const { value: config } = loadConfig(gatewayConfig);
const logger = createLogger(SERVICE);
const metrics = createMetrics(SERVICE);
const shutdown = createShutdown({ logger });
await start(config).catch((err: unknown) => {
  logger.fatal({ err }, 'The gateway could not start');
  return shutdown.begin('start failed', 1);
});

async function start(settings: GatewayConfig): Promise<void> {
  const { database, nats } = settings;
  const tracing = await startTracing({ ...SERVICE, settings: settings.tracing });
  shutdown.onShutdown('tracing', () => tracing.close());
  const auth = createSql({
    url: database.authUrl,
    applicationName: 'keyfleet-gateway-auth',
    max: database.pool,
  });
  const reader = createSql({
    url: database.readerUrl,
    applicationName: 'keyfleet-gateway-reads',
    max: database.pool,
  });
  shutdown.onShutdown('databases', () =>
    Promise.all([closeSql(auth), closeSql(reader)]).then(() => undefined),
  );
  const redis = createProducerConnection(settings.redis.url, (err) =>
    logger.warn({ err: err.name }, 'Redis is away'),
  );
  shutdown.onShutdown('redis', () => redis.disconnect());
  poolMetrics(metrics, [auth, reader]);
  clockMetrics(metrics, systemClock);
  redisMetrics({ metrics, redis });
  const onBroker = certificateMetrics(metrics, {
    ca: nats.caFile,
    service: nats.certFile,
    http: settings.http.certificateFile,
  });
  const onLimited = limitMetrics(metrics);
  const files = {
    credentialsFile: nats.credentialsFile,
    certificateFile: nats.certFile,
    keyFile: nats.keyFile,
    caFile: nats.caFile,
  };
  const client = createCommandClient({
    servers: nats.url,
    identity: identityFromFiles(files),
    inboxPrefix: serviceInbox('gateway'),
    name: 'gateway',
    waitOnFirstConnect: true,
    onBroker,
  });
  const commands = measuredCommands(client, metrics);
  await commands.connect();
  shutdown.onShutdown('commands', () => commands.close());
  const authenticator = new Authenticator({ reads: authQueries(auth), clock: systemClock, touch });
  const cursors = new Cursors(settings.cursor.secret);
  const reads = sqlReads({ sql: reader, cursors, now: systemClock.now });
  const feed = new FleetFeed({ reads, authenticator, metrics: feedMetrics(metrics) });
  const listening = await listenChanges({
    url: database.readerUrl,
    applicationName: 'keyfleet-gateway-feed',
    onNotice: (notice) => feed.notice(notice),
    onLost: () => feed.lost(),
  });
  shutdown.onShutdown('change feed', () => listening.close());
  const parts = {
    authenticator,
    commands,
    reads,
    policies: sqlPolicyReads({ sql: reader, cursors }),
    feed,
    signInLimits: new SignInLimits(redis, onLimited),
    enrolmentLimits: new EnrolmentLimits({ redis, now: systemClock.now, onLimited }),
    logger,
    introspection: settings.graphql.introspection,
  };
  const app = await createGateway(parts, edgeOf(settings));
  measureRequests(app, metrics);
  traceRequests(app);
  watchEdge(metrics, feed, authenticator);
  const operations = await openOperations(settings, metrics);
  operations.addCheck('database', () => reader`select 1`.then(() => undefined));
  operations.addCheck('redis', () => redis.ping().then(() => undefined));
  await app.listen(settings.http.port, settings.http.host);
  shutdown.onShutdown('http', async () => {
    feed.close();
    await app.close();
  });
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ url: await app.getUrl(), operationsUrl: operations.url }, 'The gateway answers');

  function touch(sessionId: string): void {
    const meta = { commandId: newId('cmd'), actor: 'svc_gateway', orgId: null, correlationId: newId('cmd') };
    // An idle limit that moves a minute late is no harm; the next request tries again.
    void commands.send(touchSession, { sessionId }, meta).catch(() => undefined);
  }
}

async function openOperations(settings: GatewayConfig, { registry }: Metrics): Promise<Operations> {
  const operations = await startOperations({ ...settings.operations, registry });
  shutdown.onShutdown('operations', () => operations.close());
  return operations;
}

function edgeOf({ http }: GatewayConfig) {
  const { certificateFile, keyFile, trustedProxies } = http;
  const tls = certificateFile && keyFile ? { tls: { certificateFile, keyFile } } : {};
  return { trustedProxies, dashboard: DASHBOARD, ...tls };
}
