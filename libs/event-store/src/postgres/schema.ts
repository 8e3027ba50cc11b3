import { APPEND_FUNCTION_0001 } from './schema-append-0001.js';
import { RETENTION_FUNCTIONS } from './schema-retention.js';

/** Reasons stand in docs/adr/0003-event-store-order.md. */
const TABLES = `
create schema store;

create table store.streams (
  id     bigint generated always as identity primary key,
  stream text collate "C" not null unique,
  floor  bigint not null default -1
);
comment on column store.streams.floor is 'The last revision that retention removed; the stream never goes back behind it.';

create table store.kinds (
  id       smallint generated always as identity primary key,
  category text collate "C" not null,
  type     text collate "C" not null,
  unique (category, type)
);

create table store.orgs (
  id     integer generated always as identity primary key,
  org_id uuid not null unique
);
comment on table store.orgs is 'Events of the installation as a whole have number 0, which has no row.';

create table store.events (
  position    bigint      not null,
  recorded_at timestamptz not null,
  stream_id   bigint      not null,
  revision    bigint      not null,
  org         integer     not null,
  kind        smallint    not null,
  v           smallint    not null,
  id          uuid        not null,
  data        json        not null,
  metadata    json        not null,
  constraint events_by_position primary key (position) include (kind, org),
  constraint events_by_stream unique (stream_id, revision)
) with (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000);
comment on column store.events.metadata is
  '[actor, at, correlationId, causationId, traceparent, bodyHash, journal, {what has no place}], cut off after the last one given.';

create table store.floor (
  only_row    boolean primary key default true check (only_row),
  position    bigint not null,
  recorded_at timestamptz not null
);
comment on table store.floor is 'The newest position that retention removed, and its time: neither is ever given out again.';
insert into store.floor (position, recorded_at) values (0, '-infinity');

create table store.trimmed (
  category text primary key,
  position bigint not null
);
comment on table store.trimmed is 'How far each category was trimmed, so that the next time begins there.';
`;

/** `kf_store` reads tables, and changes them only by these functions, which run as their owner. */
const GRANTS = `
revoke all on schema store from public;
revoke all on all functions in schema store from public;
grant usage on schema store to kf_store;
grant select on all tables in schema store to kf_store;
grant execute on all functions in schema store to kf_store;
`;

export const EVENT_STORE_SCHEMA = [TABLES, APPEND_FUNCTION_0001, RETENTION_FUNCTIONS, GRANTS].join('\n');
