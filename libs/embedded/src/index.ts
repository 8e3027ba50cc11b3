export { type NatsServer, type NatsServerOptions, startNatsServer } from './nats/server.js';
export { createDatabase, createRoles, dropDatabase, urlAs, urlOfDatabase } from './postgres/database.js';
export { DATABASE_ROLES, type DatabaseRole } from './postgres/roles.js';
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres/server.js';
export {
  describeExit,
  type Exit,
  ManagedProcess,
  type ManagedProcessOptions,
  startManaged,
} from './process/managed.js';
export { freePort } from './process/ports.js';
export { secretFile, writePrivate } from './process/secret-file.js';
export { type RedisOptions, type RedisServer, startRedis } from './redis/server.js';
export { type FindServerOptions, findServer, type ServerName } from './vendor/find-server.js';
export type { FoundServer, Progress } from './vendor/found-server.js';
export {
  type FindPostgresClientOptions,
  findPostgresClient,
  type PostgresClient,
} from './vendor/postgres-client.js';
export { findPrometheus } from './vendor/prometheus.js';
export { findPromtool } from './vendor/promtool.js';
