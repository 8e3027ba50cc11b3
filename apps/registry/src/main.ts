import 'reflect-metadata';
import { serviceInbox } from '@keyfleet/contracts/messages';
import type { EventStore } from '@keyfleet/event-store';
import { openEventStore } from '@keyfleet/event-store/open';
import { directoryProjection } from '@keyfleet/identity/read-model';
import { type BrokerOptions, connectNats, GuardedNatsServer, identityFromFiles } from '@keyfleet/messaging';
import {
  createLogger,
  createMetrics,
  createShutdown,
  failpoint,
  loadConfig,
  nestLogger,
  startOperations,
  systemClock,
  testTimeFromEnvironment,
} from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { hostProjections, waitForMigrations } from '@keyfleet/read-store';
import {
  agentsProjection,
  enrolmentTokensProjection,
  groupsProjection,
  watchedAgents,
} from '@keyfleet/registry/read-model';
import {
  BrokerMetrics,
  certificateMetrics,
  clockMetrics,
  handledCommands,
  poolMetrics,
  projectionMetrics,
  storeMetrics,
} from '@keyfleet/telemetry';
import { startTracing } from '@keyfleet/telemetry/tracing';
import { NestFactory } from '@nestjs/core';
import { authorityMetrics } from './authority/metrics.js';
import { type OpenAuthority, openAuthority } from './authority/open.js';
import { type RegistryConfig, registryConfig, replicaId, sessionLimits } from './config.js';
import { fleetSize } from './database/fleet-size.js';
import { REGISTRY_MIGRATIONS } from './database/migration-sets.js';
import { StoredEnrolmentSecrets } from './enrolment/enrolment-secrets.js';
import { StoredRenewalNonces } from './enrolment/renewal-nonces.js';
import { keepHouse } from './housekeeping.js';
import { createIdentity } from './identity/identity.js';
import { startIngest } from './ingest/start.js';
import { startLiveness } from './liveness/liveness.js';
import { connectNodes } from './liveness/watch/nodes.js';
import { RegistryModule, type RegistryParts } from './registry.module.js';
import { reconnectWindowMs } from './sync/sync.js';

const SERVICE = { service: 'registry', version: '0.1.0' };
const ACTOR = 'svc_registry';
const PROJECTIONS = [
  directoryProjection,
  agentsProjection,
  groupsProjection,
  enrolmentTokensProjection,
  watchedAgents,
];

const { value: config } = loadConfig(registryConfig);
const logger = createLogger(SERVICE);
const shutdown = createShutdown({ logger });
const metrics = createMetrics(SERVICE);
const brokerMetrics = new BrokerMetrics(metrics);
const onBroker = certificateMetrics(metrics, { ca: config.nats.caFile, service: config.nats.certFile });
const clock = systemClock;
await start().catch((err: unknown) => {
  if (shutdown.signal.aborted) return undefined;
  logger.fatal({ err }, 'The registry could not start');
  return shutdown.begin('start failed', 1);
});

async function start(): Promise<void> {
  const tracing = await startTracing({ ...SERVICE, settings: config.tracing });
  shutdown.onShutdown('tracing', () => tracing.close());
  const operations = await startOperations({ ...config.operations, registry: metrics.registry });
  shutdown.onShutdown('operations', () => operations.close());
  let phase: string | undefined = 'waiting for the migrations';
  operations.addCheck('started', () => phase);
  const { worker, identitySql } = await openDatabases(config);
  clockMetrics(metrics, clock);
  poolMetrics(metrics, [worker, identitySql]);
  const store = await openEventStore({
    ...config.eventStore,
    databaseUrl: config.database.storeUrl,
    name: 'keyfleet-registry',
    onStep: storeMetrics(metrics),
  });
  shutdown.onShutdown('event store', () => store.close());
  operations.addCheck('database', () => worker`select 1`.then(() => undefined));

  phase = 'waiting for the broker';
  const opened = await openKeys(config, worker);
  operations.addCheck('authority', () =>
    opened.isReady() ? undefined : 'the broker was not told of revocations yet',
  );
  const windowOf = fleetSize(worker, clock);
  const window = async () => reconnectWindowMs(await windowOf());
  const secrets = new StoredEnrolmentSecrets(worker);
  const nonces = new StoredRenewalNonces(worker);
  const limits = sessionLimits(config.session);
  const identity = createIdentity({ sql: identitySql, clock, store, limits });
  const { authority } = opened;

  const projecting = { sql: worker, store, projections: PROJECTIONS };
  const host = hostProjections({
    ...projecting,
    onStep: projectionMetrics({ ...projecting, metrics, logger }),
  });
  shutdown.onShutdown('projections', () => host.close());
  operations.addCheck('projections', () => host.trouble());
  const detection = await listen({ store, worker, opened, window, port: operations.port });
  operations.addCheck('detection', detection);
  await answerCommands({
    store,
    clock,
    identity,
    authority,
    installationId: opened.installationId,
    secrets,
    nonces,
    reconnectWindowMs: window,
    concurrency: config.enrolment.concurrency,
    onError: (err, subject) => logger.error({ err, subject }, 'A command failed in a way of its own'),
    onHandled: handledCommands(metrics),
  });
  const { signal } = shutdown;
  const sessions = identity.sessions;
  void keepHouse({
    clock,
    store,
    actor: ACTOR,
    sql: worker,
    sessions,
    secrets,
    nonces,
    authority,
    signal,
    logger,
  });
  phase = undefined;
  shutdown.onShutdown('readiness', () => operations.setDraining());
  logger.info({ operationsUrl: operations.url }, 'The registry answers');
}

async function openDatabases({ database }: RegistryConfig): Promise<{ worker: Sql; identitySql: Sql }> {
  const pool = (url: string, applicationName: string) => {
    const sql = createSql({ url, applicationName, max: database.pool });
    shutdown.onShutdown(applicationName, () => closeSql(sql));
    return sql;
  };
  const worker = pool(database.workerUrl, 'keyfleet-registry');
  const identitySql = pool(database.identityUrl, 'keyfleet-registry-identity');
  await waitForMigrations({ sql: worker, sets: REGISTRY_MIGRATIONS, signal: shutdown.signal });
  return { worker, identitySql };
}

async function openKeys({ authority, nats, enrolment }: RegistryConfig, worker: Sql): Promise<OpenAuthority> {
  const measured = authorityMetrics(metrics, () => clock.now());
  const opened = await openAuthority({
    directory: authority.directory,
    sql: worker,
    servers: nats.url,
    agentServers: nats.agentUrls ?? nats.url,
    clock,
    credentialLifeMs: enrolment.credentialLifeSeconds * 1_000,
    production: process.env.NODE_ENV === 'production',
    allowUnsafeBroker: nats.allowUnsafeVersion,
    onError: (err) => {
      measured.onError();
      logger.warn({ err }, 'The broker could not be told of revocations; it is tried again');
    },
    onResult: (result, takenOver) => {
      measured.onResult(result, takenOver);
      if (takenOver > 0) logger.warn({ takenOver }, 'The broker knew of revocations that the table had lost');
    },
  });
  shutdown.onShutdown('authority', () => opened.close());
  return opened;
}

function brokerOptions(name: string): BrokerOptions {
  const { url, credentialsFile, certFile: certificateFile, keyFile, caFile } = config.nats;
  const identity = identityFromFiles({ credentialsFile, certificateFile, keyFile, caFile });
  // A file that is missing is said at once; later on, a client would wait for it for ever.
  identity();
  return {
    servers: url,
    identity,
    inboxPrefix: serviceInbox('registry'),
    name,
    waitOnFirstConnect: true,
    onBroker,
  };
}

interface Listening {
  readonly store: EventStore;
  readonly worker: Sql;
  readonly opened: OpenAuthority;
  readonly window: () => Promise<number>;
  readonly port: number;
}

/** Beats and journals come by the thousand, so they have connections without Nest in between. */
async function listen({ store, worker, opened, window, port }: Listening): Promise<() => string | undefined> {
  const { authority, installationId } = opened;
  const { onDropped } = brokerMetrics;
  const ingestNats = await connectNats(brokerOptions('registry ingest'));
  shutdown.onShutdown('ingest broker', () => ingestNats.close());
  brokerMetrics.follow(ingestNats, 'ingest');
  const common = { sql: worker, store, clock, logger, onDropped };
  const ingest = startIngest({
    ...common,
    nats: ingestNats,
    metrics,
    actor: ACTOR,
    announcements: {
      reconnectWindowMs: window,
      trustBundle: () => authority.trustBundle(),
      commandKeys: () => authority.commandKeys(),
    },
  });
  shutdown.onShutdown('ingest', () => ingest.close());
  const beatNats = await connectNats(brokerOptions('registry liveness'));
  shutdown.onShutdown('liveness broker', () => beatNats.close());
  brokerMetrics.follow(beatNats, 'liveness');
  // Of one broker the canaries take the way of the beats themselves.
  const canaries = config.nats.url.length > 1 ? connectNodes(brokerOptions('registry canary')) : undefined;
  shutdown.onShutdown('canary brokers', () => canaries?.close());
  // In proofs detection alone lives faster; certificates and all else stay on real time.
  const time = testTimeFromEnvironment(process.env);
  const liveness = await startLiveness({
    ...common,
    ...(time && { clock: time.clock, pace: time }),
    nats: beatNats,
    nodes: canaries?.nodes,
    installationId,
    replicaId: replicaId(config, port),
    metrics,
    failpoint,
  });
  shutdown.onShutdown('liveness', () => liveness.close());
  return () => liveness.check();
}

async function answerCommands(parts: RegistryParts): Promise<void> {
  const strategy = new GuardedNatsServer({
    service: 'registry',
    broker: brokerOptions('registry'),
    onDropped: brokerMetrics.onDropped,
  });
  const app = await NestFactory.createMicroservice(RegistryModule.with(parts), {
    strategy,
    logger: nestLogger(logger),
  });
  await app.listen();
  shutdown.onShutdown('commands', () => app.close());
}
