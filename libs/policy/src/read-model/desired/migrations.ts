import { type MigrationSet, orgTable, projectionMigration } from '@keyfleet/read-store';
import { agentReportsProjection } from './agent-reports.js';

/** Agents with the same content share a bundle, within their organisation. Room on each page keeps updates off the indexes. */
const DESIRED = `
  create table policy.bundles (
    org_id text not null,
    hash text not null,
    policies jsonb not null,
    bytes bytea,
    made_at timestamptz not null default now(),
    primary key (org_id, hash)
  );
  ${orgTable('policy.bundles')}

  create table policy.desired (
    agent_id text primary key,
    org_id text not null,
    version bigint not null,
    hash text not null,
    bytes int not null,
    policies jsonb not null,
    since timestamptz not null,
    manifest jsonb,
    reported bigint not null default 0
  ) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
  create index desired_org on policy.desired (org_id, agent_id);
  create index desired_unsigned on policy.desired (org_id) where manifest is null;
  create index desired_hash on policy.desired (org_id, hash);
  ${orgTable('policy.desired')}`;

/** Evidence: it is kept when everything it speaks of is gone. */
const CERTIFICATES = `
  create table policy.certificates (
    org_id text not null,
    id text not null,
    policy_id text not null,
    version int not null,
    at timestamptz not null,
    text text not null,
    key text not null,
    signature text not null,
    converged int not null,
    divergent int not null,
    agents jsonb not null,
    primary key (org_id, id)
  );
  create index certificates_policy on policy.certificates (org_id, policy_id, version, at);
  ${orgTable('policy.certificates')}`;

/** Tables of distribution; after those of `projections`. */
export const policyDistributionMigrations: MigrationSet = {
  owner: 'policy-distribution',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema if not exists policy; grant usage on schema policy to kf_worker, kf_reader;',
    },
    { name: '0001_desired', up: DESIRED },
    { name: '0002_certificates', up: CERTIFICATES },
    projectionMigration(agentReportsProjection, '0003_agent_reports'),
  ],
};
