export { type Listening, type ListenOptions, listenChanges } from './feed/listen.js';
export { type Migration, MigrationDivergedError, type MigrationSet } from './migrations/history.js';
export { type MigrateOptions, migrate } from './migrations/migrate.js';
export { projectionMigration, retiredProjectionMigration } from './migrations/projection-tables.js';
export {
  isMigrated,
  missingMigrations,
  type WaitForMigrationsOptions,
  waitForMigrations,
} from './migrations/wait.js';
export { Cursors } from './paging/cursor.js';
export { type FilterField, type FilterFields, filterSql } from './paging/filter-sql.js';
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
