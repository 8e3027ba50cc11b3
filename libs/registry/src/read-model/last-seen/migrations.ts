/** Rows of an organisation: read by it alone, written by the workers. */
function orgTable(table: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy organisation on ${table} for select to kf_reader
      using (org_id = nullif(current_setting('app.org', true), ''));
    create policy worker on ${table} for all to kf_worker using (true) with check (true);
    grant select on ${table} to kf_reader;
    grant select, insert, update, delete on ${table} to kf_worker;`;
}

/** Facts of the installation: everybody may read them. */
function installationTable(table: string): string {
  return `
    grant select on ${table} to kf_reader;
    grant select, insert, update, delete on ${table} to kf_worker;`;
}

/** What beats say, written through; no rebuild touches it. Room on each page keeps updates off the indexes. */
export const LAST_SEEN_TABLES = `
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
    boots jsonb,
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
  ${orgTable('registry.fleet_silence')}

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
    revision bigint not null default -1
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
  ${installationTable('registry.detection')}
  ${installationTable('registry.detection_replicas')}
  ${installationTable('registry.detection_canaries')}

  create table registry.watched_agents (
    agent_id text primary key,
    org_id text not null,
    version text not null,
    labels jsonb not null,
    enrolled_at timestamptz not null,
    offline_after int not null,
    revoked boolean not null default false
  );
  create index watched_agents_org on registry.watched_agents (org_id, agent_id);
  ${orgTable('registry.watched_agents')}
  create table registry.watched_groups (
    group_id text primary key,
    org_id text not null,
    selector text not null,
    offline_after int
  );
  create index watched_groups_org on registry.watched_groups (org_id);
  ${orgTable('registry.watched_groups')}
`;
