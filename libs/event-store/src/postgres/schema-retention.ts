/** Two of them at once would only lock each other's rows. */
const RETENTION_LOCK = 5_075_132;
/** Looked at in one transaction: a fraction of a second, so that nothing waits long for it. */
const STEP = 10_000;

export const RETENTION_FUNCTIONS = `
create function store.position_before(p_moment timestamptz) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $function$
declare
  v_low    bigint := 0;
  v_high   bigint := coalesce((select max(e.position) from store.events e), 0);
  v_middle bigint;
  v_found  record;
begin
  -- recorded_at never falls as position grows, so halving finds the last position before the moment.
  while v_low < v_high loop
    v_middle := (v_low + v_high + 1) / 2;
    select e.position, e.recorded_at into v_found
      from store.events e where e.position >= v_middle order by e.position limit 1;
    if found and v_found.recorded_at < p_moment then
      v_low := v_found.position;
    else
      v_high := v_middle - 1;
    end if;
  end loop;
  return v_low;
end
$function$;

create function store.remove_events(
  p_after bigint, p_upto bigint, p_category text, p_org_id uuid,
  out upto bigint, out removed bigint
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $function$
declare
  v_kinds smallint[] := array(select k.id from store.kinds k where k.category = p_category);
  v_org   integer    := (select o.id from store.orgs o where o.org_id = p_org_id);
begin
  perform pg_advisory_xact_lock(${RETENTION_LOCK});
  upto := least(p_upto, (select e.position from store.events e where e.position > p_after
                          order by e.position offset ${STEP - 1} limit 1));
  -- Found in the index alone, deleted by position. Floors and rows change in one statement: whoever sees the gap sees
  -- the floor that covers it.
  with unwanted as (
    select e.position from store.events e
     where e.position > p_after and e.position <= remove_events.upto and (e.kind = any (v_kinds) or e.org = v_org)
  ), gone as (
    delete from store.events e using unwanted u where e.position = u.position
    returning e.position, e.recorded_at, e.stream_id, e.revision
  ), streams as (
    update store.streams t set floor = g.revision
      from (select g.stream_id, max(g.revision) as revision from gone g group by g.stream_id) g
     where t.id = g.stream_id and t.floor < g.revision
  ), newest as (
    update store.floor f set position = g.position, recorded_at = g.recorded_at
      from (select g.position, g.recorded_at from gone g order by g.position desc limit 1) g
     where f.position < g.position
  )
  select count(*) into removed from gone;
  if p_category is not null then
    insert into store.trimmed (category, position) values (p_category, upto)
    on conflict (category) do update set position = greatest(trimmed.position, excluded.position);
  end if;
end
$function$;
`;
