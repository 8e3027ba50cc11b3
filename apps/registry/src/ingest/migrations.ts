import type { MigrationSet } from '@keyfleet/read-store';

/** What is kept of messages that could not be taken. No organisation's rows: senders chose every word but these. */
const QUARANTINE = `
  create table registry.quarantine (
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    subject text not null,
    reason text not null,
    pointers text[] not null,
    size bigint not null,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    times bigint not null default 1,
    primary key (sha256, subject)
  );
  create index quarantine_last on registry.quarantine (last_at);
  alter table registry.quarantine enable row level security;
  alter table registry.quarantine force row level security;
  create policy worker on registry.quarantine for all to kf_worker using (true) with check (true);
  grant select, insert, update, delete on registry.quarantine to kf_worker;`;

/** Tables of ingest; needs nothing of others. */
export const ingestMigrations: MigrationSet = {
  owner: 'ingest',
  migrations: [
    {
      name: '0000_schema',
      up: 'create schema if not exists registry; grant usage on schema registry to kf_worker, kf_reader;',
    },
    { name: '0001_quarantine', up: QUARANTINE },
  ],
};
