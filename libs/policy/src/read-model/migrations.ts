import { type MigrationSet, projectionMigration } from '@keyfleet/read-store';
import { policiesProjection } from './policies/projection.js';
import { requestClassesProjection } from './request-classes/projection.js';

/** After those of `projections`. */
export const policyMigrations: MigrationSet = {
  owner: 'policy',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema if not exists policy; grant usage on schema policy to kf_worker, kf_reader;',
    },
    projectionMigration(policiesProjection, '0001_policies'),
    projectionMigration(requestClassesProjection, '0002_request_classes'),
  ],
};
