import { readFileSync } from 'node:fs';
import { analyticsMigrations } from '@keyfleet/analytics/read-model';
import { secret } from '@keyfleet/contracts';
import { createLogger, loadConfig } from '@keyfleet/platform';
import {
  policyDistributionMigrations,
  policyMigrations,
  policyNamesMigrations,
} from '@keyfleet/policy/read-model';
import { MigrationDivergedError, migrate } from '@keyfleet/read-store';
import { z } from 'zod';
import { REGISTRY_MIGRATIONS } from './database/migration-sets.js';
import { prepareServer } from './database/prepare-server.js';

const connection = secret(z.url({ protocol: /^postgres(?:ql)?$/ }));
const password = secret(z.string().min(12)).optional();

const migrateConfig = z.strictObject({
  database: z.strictObject({
    /** As kf_owner. */
    ownerUrl: connection,
    /** A superuser: with it the roles that have passwords here, and the database, are made first. */
    adminUrl: connection.optional(),
    /** A list of what had run in another installation (owner, name, hash): nothing beyond it runs. */
    upToFile: z.string().min(1).optional(),
    passwords: z
      .strictObject({
        owner: password,
        store: password,
        worker: password,
        identity: password,
        auth: password,
        reader: password,
      })
      .prefault({}),
  }),
});

const appliedMigrations = z.array(z.strictObject({ owner: z.string(), name: z.string(), hash: z.string() }));
/** What the other installation ran is not what this build has: it is of a later release. */
const DIVERGED = 3;

const logger = createLogger({ service: 'migrate', version: '0.1.0' });
const { database } = loadConfig(migrateConfig).value;
try {
  if (database.adminUrl)
    await prepareServer({
      adminUrl: database.adminUrl,
      ownerUrl: database.ownerUrl,
      passwords: database.passwords,
    });
  const applied = await migrate({
    ownerUrl: database.ownerUrl,
    sets: [
      ...REGISTRY_MIGRATIONS,
      analyticsMigrations,
      policyMigrations,
      policyDistributionMigrations,
      policyNamesMigrations,
    ],
    upTo: database.upToFile
      ? appliedMigrations.parse(JSON.parse(readFileSync(database.upToFile, 'utf8')))
      : undefined,
    onApplied: (owner, name) => logger.info({ owner, migration: name }, 'Migrated'),
  });
  logger.info({ applied }, applied === 0 ? 'The database is up to date' : 'The database is migrated');
} catch (err) {
  logger.fatal({ err }, 'The database could not be migrated');
  process.exitCode = err instanceof MigrationDivergedError ? DIVERGED : 1;
}
