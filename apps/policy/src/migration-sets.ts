import { identityMigrations } from '@keyfleet/identity/read-model';
import {
  policyDistributionMigrations,
  policyMigrations,
  policyNamesMigrations,
} from '@keyfleet/policy/read-model';
import { type MigrationSet, projectionsMigrations } from '@keyfleet/read-store';
import { livenessMigrations, registryMigrations } from '@keyfleet/registry/read-model';

/** What has to be there before this service answers. */
export const POLICY_SETS: readonly MigrationSet[] = [
  { owner: 'projections', migrations: projectionsMigrations },
  identityMigrations,
  registryMigrations,
  livenessMigrations,
  policyMigrations,
  policyDistributionMigrations,
  policyNamesMigrations,
];
