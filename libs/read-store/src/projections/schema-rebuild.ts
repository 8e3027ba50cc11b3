/**
 * A rebuild of version N, asked for by an operator, stands under version −N: empty copies of the tables, a checkpoint,
 * a lease and parked streams of its own. When it is level, N and −N exchange tables, so that who works on N goes on
 * with the new ones; the old ones stay under −N until the next rebuild.
 */
export const REBUILD_FUNCTIONS = `
  create function projections.copy_table(of_table text, as_table text) returns void
    language plpgsql as $$
    declare
      source oid := of_table::regclass;
      kind pg_class;
      p record;
    begin
      select * into kind from pg_class where oid = source;
      execute format('create table %s (like %s including all)', as_table, of_table);
      if kind.reloptions is not null then
        execute format('alter table %s set (%s)', as_table, array_to_string(kind.reloptions, ', '));
      end if;
      if kind.relrowsecurity then execute format('alter table %s enable row level security', as_table); end if;
      if kind.relforcerowsecurity then execute format('alter table %s force row level security', as_table); end if;
      for p in select polname, polpermissive, pg_get_expr(polqual, polrelid) as readable,
                 pg_get_expr(polwithcheck, polrelid) as writable,
                 case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                   when 'd' then 'delete' else 'all' end as command,
                 (select string_agg(case grantee when 0 then 'public' else grantee::regrole::text end, ', ')
                    from unnest(polroles) as grantee) as roles
               from pg_policy where polrelid = source loop
        execute format('create policy %I on %s as %s for %s to %s', p.polname, as_table,
            case when p.polpermissive then 'permissive' else 'restrictive' end, p.command, p.roles)
          || coalesce(' using (' || p.readable || ')', '') || coalesce(' with check (' || p.writable || ')', '');
      end loop;
      for p in select privilege_type, case grantee when 0 then 'public' else grantee::regrole::text end as grantee
               from aclexplode(kind.relacl) where grantee <> kind.relowner loop
        execute format('grant %s on %s to %s', p.privilege_type, as_table, p.grantee);
      end loop;
    end $$;

  create function projections.rebuild(of_projection text) returns int
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
      in_use int;
      t record;
      copy text;
    begin
      select version into in_use from projections.checkpoints
        where projection = of_projection and state = 'current' for update;
      if not found then return null; end if;
      if exists (select from projections.checkpoints
                 where projection = of_projection and version = -in_use and state = 'building') then
        return in_use;
      end if;
      perform projections.forget(of_projection, -in_use);
      for t in select logical, physical from projections.tables
               where projection = of_projection and version = in_use order by logical loop
        copy := case when right(t.physical, 2) = '_r' then left(t.physical, -2) else t.physical || '_r' end;
        perform projections.copy_table(t.physical, copy);
        insert into projections.tables (projection, version, logical, physical)
          values (of_projection, -in_use, t.logical, copy);
      end loop;
      insert into projections.checkpoints (projection, version, state) values (of_projection, -in_use, 'building');
      return in_use;
    end $$;

  create function projections.replace(of_projection text, of_version int) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
      perform from projections.checkpoints
        where projection = of_projection and version = -of_version and state = 'building' for update;
      if not found then raise exception '% version % is not being rebuilt', of_projection, of_version; end if;
      update projections.tables set version = 0 where projection = of_projection and version = of_version;
      update projections.tables set version = of_version where projection = of_projection and version = -of_version;
      update projections.tables set version = -of_version where projection = of_projection and version = 0;
      delete from projections.parked_streams where projection = of_projection and version = of_version;
      update projections.parked_streams set version = of_version
        where projection = of_projection and version = -of_version;
      update projections.checkpoints mine set position = other.position, updated_at = clock_timestamp(),
          state = case when mine.version < 0 then 'retired' else mine.state end
        from projections.checkpoints other
        where mine.projection = of_projection and mine.version in (of_version, -of_version)
          and other.projection = of_projection and other.version = -mine.version;
      perform projections.show(of_projection, of_version);
    end $$;

  create or replace function projections.forget(of_projection text, of_version int) returns void
    language plpgsql as $$
    declare t record;
    begin
      if exists (select from projections.checkpoints
                 where projection = of_projection and version = of_version and state = 'current') then
        raise exception '% version % is the one in use', of_projection, of_version;
      end if;
      for t in select physical from projections.tables
               where projection = of_projection and version in (of_version, -abs(of_version)) loop
        execute format('drop table %s', t.physical);
      end loop;
      delete from projections.tables where projection = of_projection and version in (of_version, -abs(of_version));
      delete from projections.leases where projection = of_projection and version in (of_version, -abs(of_version));
      delete from projections.parked_streams
        where projection = of_projection and version in (of_version, -abs(of_version));
      delete from projections.checkpoints where projection = of_projection and version in (of_version, -abs(of_version));
    end $$;

  revoke all on function projections.copy_table, projections.rebuild, projections.replace from public;
  grant execute on function projections.rebuild, projections.replace to kf_worker;`;
