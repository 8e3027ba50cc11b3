import type { Migration } from '../migrations/history.js';
import { REBUILD_FUNCTIONS } from './schema-rebuild.js';

/**
 * Checkpoints, leases and parked streams of every projection. Workers write rows and nothing else: views are made and
 * switched by functions of the owner, over tables that a migration has registered.
 */
const TABLES = `
  create schema projections;
  grant usage on schema projections to kf_worker, kf_reader;
  create table projections.checkpoints (
    projection text not null, version int not null,
    state text not null check (state in ('building', 'current', 'retired')),
    position text,
    updated_at timestamptz not null default now(),
    primary key (projection, version)) with (fillfactor = 50);
  create unique index one_current on projections.checkpoints (projection) where state = 'current';
  create table projections.leases (
    projection text not null, version int not null,
    holder text not null, epoch bigint not null, until timestamptz not null,
    primary key (projection, version)) with (fillfactor = 50);
  create table projections.parked_streams (
    projection text not null, version int not null, stream text not null,
    from_revision bigint not null, event_id text not null, event_type text not null,
    code text not null, tries int not null, parked_at timestamptz not null default now(),
    primary key (projection, version, stream));
  create table projections.tables (
    projection text not null, version int not null, logical text not null, physical text not null unique,
    primary key (projection, version, logical));
  grant select, update on projections.checkpoints to kf_worker;
  grant select, insert, update, delete on projections.leases, projections.parked_streams to kf_worker;
  grant select on projections.tables to kf_worker;
  grant select on projections.checkpoints, projections.parked_streams to kf_reader;`;

/** What stands for %s is a name with its schema as a migration registered it, never a caller's text. */
const FUNCTIONS = `
  create function projections.show(of_projection text, of_version int) returns void
    language plpgsql as $$
    declare t record;
    begin
      for t in select distinct logical from projections.tables where projection = of_projection order by logical loop
        execute format('drop view if exists %s', t.logical);
      end loop;
      for t in select logical, physical from projections.tables
               where projection = of_projection and version = of_version order by logical loop
        execute format('create view %s with (security_invoker = true) as select * from %s', t.logical, t.physical);
        execute format('grant select on %s to kf_reader, kf_worker', t.logical);
      end loop;
    end $$;

  create function projections.register(of_projection text, of_version int) returns void
    language plpgsql as $$
    begin
      if exists (select from projections.checkpoints where projection = of_projection) then
        insert into projections.checkpoints values (of_projection, of_version, 'building');
      else
        insert into projections.checkpoints values (of_projection, of_version, 'current');
        perform projections.show(of_projection, of_version);
      end if;
    end $$;

  create function projections.forget(of_projection text, of_version int) returns void
    language plpgsql as $$
    declare t record;
    begin
      if exists (select from projections.checkpoints
                 where projection = of_projection and version = of_version and state = 'current') then
        raise exception '% version % is the one in use', of_projection, of_version;
      end if;
      for t in select physical from projections.tables where projection = of_projection and version = of_version loop
        execute format('drop table %s', t.physical);
      end loop;
      delete from projections.tables where projection = of_projection and version = of_version;
      delete from projections.leases where projection = of_projection and version = of_version;
      delete from projections.parked_streams where projection = of_projection and version = of_version;
      delete from projections.checkpoints where projection = of_projection and version = of_version;
    end $$;

  create function projections.switch(of_projection text, to_version int) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
      update projections.checkpoints set state = 'retired'
        where projection = of_projection and state = 'current' and version <> to_version;
      update projections.checkpoints set state = 'current'
        where projection = of_projection and version = to_version;
      if not found then
        raise exception '% has no version %', of_projection, to_version;
      end if;
      perform projections.show(of_projection, to_version);
    end $$;

  revoke all on function projections.show, projections.register, projections.forget, projections.switch from public;
  grant execute on function projections.switch to kf_worker;`;

export const projectionsMigrations: readonly Migration[] = [
  { name: '0001_projections', up: `${TABLES}\n${FUNCTIONS}` },
  { name: '0002_rebuilds', up: REBUILD_FUNCTIONS },
];
