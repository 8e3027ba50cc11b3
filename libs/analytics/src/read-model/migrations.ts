import { type MigrationSet, projectionMigration } from '@keyfleet/read-store';
import { agentHistoryProjection } from './agent-history/projection.js';
import { eventsProjection } from './events/projection.js';

/** After those of `projections`. */
export const analyticsMigrations: MigrationSet = {
  owner: 'analytics',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema analytics; grant usage on schema analytics to kf_worker, kf_reader;',
    },
    projectionMigration(eventsProjection, '0001_events'),
    projectionMigration(agentHistoryProjection, '0002_agent_history'),
  ],
};
