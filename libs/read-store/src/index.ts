export { type Listening, type ListenOptions, listenChanges } from './feed/listen.js';
export type { FilterField, FilterFields } from './filter/fields.js';
export { filterSql } from './filter/filter-sql.js';
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
export { type Page, type PageKey, type PageOptions, tenantPage } from './paging/tenant-page.js';
export {
  type Change,
  type ChangeNotice,
  type Projection,
  type ProjectionContext,
  type ProjectionTable,
  physicalName,
} from './projection.js';
export { announceChanges, announceReset } from './projections/announce.js';
export { holdLease } from './projections/hold-lease.js';
export { type HostOptions, hostProjections, type ProjectionHost } from './projections/host.js';
export { acquireLease, type Lease, type LeaseOptions } from './projections/lease.js';
export { type ParkedStream, parkedStreams } from './projections/park.js';
export { requestRebuild } from './projections/rebuilds.js';
export { type ReplayOptions, type ReplayResult, replayParked } from './projections/replay.js';
export { type RunOptions, type RunStep, rebuildProjection, runProjection } from './projections/run.js';
export { projectionsMigrations } from './projections/schema.js';
export { type WaitOptions, waitForPosition } from './projections/wait.js';
export { queryBuilder } from './tenancy/builder.js';
export { orgTable } from './tenancy/org-table.js';
export { scopedStatement } from './tenancy/scoped-statement.js';
export { compileScoped, type OrgOfScope, type ScopedQuery, tenantQuery } from './tenancy/tenant-query.js';
export { tenancyViolations } from './tenancy/violations.js';
