import { type MigrationSet, orgTable, projectionMigration } from '@keyfleet/read-store';
import { watchedAgents } from './watched-agents.js';

/** What beats say, written through; no rebuild touches it. Room on each page keeps updates off the indexes. */
const LAST_SEEN = `
  create table registry.agent_last_seen (
    agent_id text primary key,
    org_id text not null,
    state text not null check (state in ('new', 'online', 'leaving', 'offline', 'revoked')),
    -- Of the stream liveness-<agent>, as far as this row follows it.
    revision bigint not null default -1,
    known boolean not null default false,
    added_at timestamptz not null default now(),
    seen_at timestamptz,
    covered_ms_at_seen bigint,
    boot_id uuid,
    counter bigint,
    booted_at timestamptz,
    -- Earlier boots, where there were any.
    boots_before jsonb,
    version text,
    reported_version text,
    suspects text[],
    returned_at timestamptz,
    silent_since timestamptz,
    silent_ms bigint,
    offline_at_covered_ms bigint,
    journal_epoch bigint,
    journal_seq bigint,
    journal_acknowledged bigint,
    policy_version bigint,
    policy_hash text,
    secrets bigint,
    storage text,
    seal text
  ) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
  create index agent_last_seen_org on registry.agent_last_seen (org_id, agent_id);
  create index agent_last_seen_silent on registry.agent_last_seen (org_id) where state in ('leaving', 'offline');
  create index agent_last_seen_due on registry.agent_last_seen (agent_id)
    where state = 'leaving' or (returned_at is not null and state <> 'revoked');
  create index agent_last_seen_facts on registry.agent_last_seen (agent_id)
    where (suspects is not null or version <> reported_version) and state <> 'revoked';
  ${orgTable('registry.agent_last_seen')}

  create table registry.fleet_silence (
    org_id text primary key,
    silent boolean not null,
    announced boolean not null default false,
    episode bigint not null,
    since_covered_ms bigint not null,
    silent_agents int not null,
    total_agents int not null,
    agent_ids text[] not null,
    revision bigint not null default -1
  );
  ${orgTable('registry.fleet_silence')}`;

/** Facts of the installation: everybody may read whether we see. */
const DETECTION = `
  create table registry.detection (
    installation_id text primary key,
    covered_ms bigint not null default 0,
    proven_up_to timestamptz,
    last_watch_at timestamptz,
    watching boolean not null default false,
    episode bigint not null default 0,
    paused_since timestamptz,
    reason text default 'starting',
    good_since timestamptz,
    resumed_at timestamptz,
    announced_pause bigint not null default 0,
    announced_resume bigint not null default 0,
    revision bigint not null default -1,
    -- By the clock of the database, for readers: a row nobody writes any more says nothing about now.
    touched_at timestamptz not null default clock_timestamp()
  );
  create table registry.detection_replicas (
    replica_id text primary key,
    flushed_at timestamptz not null
  );
  create table registry.detection_canaries (
    replica_id text not null references registry.detection_replicas on delete cascade,
    node text not null,
    received_at timestamptz not null,
    primary key (replica_id, node)
  );
  grant select, insert, update, delete
    on registry.detection, registry.detection_replicas, registry.detection_canaries to kf_worker;
  grant select on registry.detection to kf_reader;
  create view registry.detection_now with (security_invoker = true) as
    select coalesce(bool_or(watching and touched_at > now() - interval '20 seconds'), false) as covered,
      max(paused_since) filter (where not watching) as paused_since,
      max(reason) filter (where not watching) as reason
    from registry.detection;
  grant select on registry.detection_now to kf_reader, kf_worker;`;

/** Tables of liveness; after those of `projections`. */
export const livenessMigrations: MigrationSet = {
  owner: 'liveness',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema if not exists registry; grant usage on schema registry to kf_worker, kf_reader;',
    },
    { name: '0001_last_seen', up: LAST_SEEN },
    { name: '0002_detection', up: DETECTION },
    projectionMigration(watchedAgents, '0003_watched_agents'),
  ],
};
