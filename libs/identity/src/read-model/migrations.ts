import { type MigrationSet, projectionMigration } from '@keyfleet/read-store';
import { LOOKUPS } from './auth/lookups.js';
import { directoryProjection } from './directory/projection.js';
import { PEOPLE_TABLES } from './people/tables.js';

/** Whatever the owner makes in this schema, views of later versions included, the registry may read and write. */
const SCHEMA = `
  create schema identity;
  grant usage on schema identity to kf_identity, kf_worker, kf_auth, kf_reader;
  alter default privileges in schema identity grant select, insert, update, delete on tables to kf_identity;
`;

/** After those of `projections`. */
export const identityMigrations: MigrationSet = {
  owner: 'identity',
  migrations: [
    { name: '0001_schema', up: SCHEMA },
    projectionMigration(directoryProjection, '0002_directory'),
    { name: '0003_people', up: PEOPLE_TABLES },
    { name: '0004_lookups', up: LOOKUPS },
  ],
};
