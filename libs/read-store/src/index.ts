export { type Listening, type ListenOptions, listenChanges } from './feed/listen.js';
export {
  isMigrated,
  type MigrateOptions,
  type Migration,
  MigrationDivergedError,
  type MigrationSet,
  migrate,
} from './migrations/migrate.js';
export { projectionMigration } from './migrations/projection-tables.js';
export { Cursors } from './paging/cursor.js';
export {
  type Change,
  type ChangeNotice,
  type Projection,
  type ProjectionContext,
  type ProjectionTable,
  physicalName,
} from './projection.js';
export { announce as announceChanges } from './projections/commit.js';
export { type HostOptions, hostProjections, type ProjectionHost } from './projections/host.js';
export { type ParkedStream, parkedStreams, replayParked } from './projections/park.js';
export { type RunOptions, type RunStep, runProjection } from './projections/run.js';
export { projectionsMigrations } from './projections/schema.js';
export { waitForPosition } from './projections/wait.js';
export { queryBuilder } from './tenancy/builder.js';
export { orgOrInstallationTable, orgTable } from './tenancy/org-table.js';
export { compileScoped, type ScopedQuery, tenantQuery } from './tenancy/tenant-query.js';
export { tenancyViolations } from './tenancy/violations.js';
