import { type MigrationSet, projectionMigration } from '@keyfleet/read-store';
import { agentsProjection } from './agents/projection.js';
import { enrolmentTokensProjection } from './enrolment-tokens/projection.js';
import { groupsProjection } from './groups/groups.js';

/** What commands have to find at once and over all replicas; no organisation's rows, and nothing to recognise a secret by. */
const ENROLMENT = `
  create table registry.enrolment_secrets (
    secret_hash text primary key,
    token_id text not null,
    expires_at timestamptz not null
  );
  create index on registry.enrolment_secrets (expires_at);
  create table registry.renewal_nonces (
    agent_id text not null,
    nonce text not null,
    used_at timestamptz not null default now(),
    primary key (agent_id, nonce)
  );
  create index on registry.renewal_nonces (used_at);
  ${['enrolment_secrets', 'renewal_nonces']
    .map(
      (table) => `
      alter table registry.${table} enable row level security;
      alter table registry.${table} force row level security;
      create policy worker on registry.${table} for all to kf_worker using (true) with check (true);
      grant select, insert, update, delete on registry.${table} to kf_worker;`,
    )
    .join('')}
`;

/** Inventory and enrolment; after those of `projections`. */
export const registryMigrations: MigrationSet = {
  owner: 'registry',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema if not exists registry; grant usage on schema registry to kf_worker, kf_reader;',
    },
    projectionMigration(agentsProjection, '0001_agents'),
    projectionMigration(groupsProjection, '0002_groups'),
    projectionMigration(enrolmentTokensProjection, '0003_enrolment_tokens'),
    { name: '0004_enrolment', up: ENROLMENT },
  ],
};
