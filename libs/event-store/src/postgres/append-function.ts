import { APPEND_LOCK } from './append-lock.js';

/**
 * Writes a group of appends, each whole or absent, in one call of one statement: no client can die with the lock in
 * its hand. Lists of text come joined by the record separator, which no JSON text and no name contains.
 *
 * p_streams, p_expected: of each append, -1 for "no stream". p_first: ordinal of each append's first event, and one
 * beyond the last. p_categories … p_orgs: of each shape (what many events have in common). p_appends … p_metadata: of
 * each event; its append and its shape by ordinal. p_provided: of each append, the ordinal of another without events
 * that says where a stream has to stand for this one to be written, or 0.
 *
 * Answers the position before the group and, where an append was not written, `[ordinal, actual revision, position]`
 * of each such: the position of its last event where all its events are in the stream just there already, else null.
 *
 * What can be done beforehand is done before the lock: texts are parsed into JSON there. Nearly always every append is
 * written, and then nothing is looked up for each event.
 *
 * Whoever adds names waits only for others who do, in the same order of tables and names, and never while holding the
 * lock; so nobody waits in a circle.
 */
export const APPEND_FUNCTION = `
create function store.append_group(
  p_streams text, p_expected text, p_first text,
  p_categories text, p_types text, p_versions text, p_orgs text,
  p_appends text, p_shapes text, p_ids text, p_data text, p_metadata text, p_provided text,
  out base bigint, out unwritten text
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $function$
declare
  v_streams    text[]     := string_to_array(p_streams, chr(30));
  v_expected   bigint[]   := p_expected::bigint[];
  v_first      integer[]  := p_first::integer[];
  v_categories text[]     := string_to_array(p_categories, chr(30));
  v_types      text[]     := string_to_array(p_types, chr(30));
  v_versions   smallint[] := p_versions::smallint[];
  v_org_ids    uuid[]     := p_orgs::uuid[];
  v_appends    integer[]  := p_appends::integer[];
  v_shapes     integer[]  := p_shapes::integer[];
  v_ids        uuid[]     := p_ids::uuid[];
  v_data       json[]     := string_to_array(p_data, chr(30))::json[];
  v_metadata   json[]     := string_to_array(p_metadata, chr(30))::json[];
  v_provided   integer[]  := p_provided::integer[];
  v_kinds      smallint[];
  v_orgs       integer[];
  v_stream_ids bigint[];
  v_actual     bigint[];
  v_refused    boolean[];
  v_skipped    integer[];
  v_now        timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'store.append_group must see what was committed while it waited: use read committed';
  end if;

  for attempt in 1..2 loop
    select array(select (select k.id from store.kinds k where k.category = s.category and k.type = s.type)
                   from unnest(v_categories, v_types) as s(category, type)),
           array(select case when s.org_id is null then 0
                             else (select o.id from store.orgs o where o.org_id = s.org_id) end
                   from unnest(v_org_ids) as s(org_id)),
           array(select (select t.id from store.streams t where t.stream = s.stream)
                   from unnest(v_streams) as s(stream))
      into v_kinds, v_orgs, v_stream_ids;
    exit when attempt = 2
      or (array_position(v_kinds, null) is null and array_position(v_orgs, null) is null
          and array_position(v_stream_ids, null) is null);
    insert into store.kinds (category, type)
      select distinct s.category, s.type from unnest(v_categories, v_types, v_kinds) as s(category, type, id)
       where s.id is null order by 1, 2
      on conflict do nothing;
    insert into store.orgs (org_id)
      select distinct s.org_id from unnest(v_org_ids, v_orgs) as s(org_id, id)
       where s.id is null order by 1
      on conflict do nothing;
    insert into store.streams (stream)
      select s.stream from unnest(v_streams, v_expected, v_stream_ids) as s(stream, expected, id)
       where s.id is null and s.expected = -1 order by s.stream collate "C"
      on conflict do nothing;
  end loop;

  perform pg_advisory_xact_lock(${APPEND_LOCK});

  -- Looking from the expected revision on finds one entry, where looking for the newest reads a page of them.
  select greatest(f.position, newest.position),
         greatest(f.recorded_at, newest.recorded_at, clock_timestamp()),
         array(select coalesce((select greatest(t.floor, (select e.revision from store.events e
                                                           where e.stream_id = t.id and e.revision >= s.expected
                                                           order by e.revision desc limit 1))
                                  from store.streams t where t.id = s.id), -1)
                 from unnest(v_stream_ids, v_expected) as s(id, expected))
    into base, v_now, v_actual
    from store.floor f
    left join lateral (select e.position, e.recorded_at from store.events e
                        order by e.position desc limit 1) newest on true;

  if v_actual = v_expected then
    insert into store.events (position, recorded_at, stream_id, revision, org, kind, v, id, data, metadata)
    select base + e.n, v_now,
           v_stream_ids[e.append], v_expected[e.append] + e.n - v_first[e.append] + 1,
           v_orgs[e.shape], v_kinds[e.shape], v_versions[e.shape],
           e.id, e.data, e.metadata
      from unnest(v_appends, v_shapes, v_ids, v_data, v_metadata) with ordinality
        as e(append, shape, id, data, metadata, n);
    return;
  end if;

  v_actual := array(select coalesce((select greatest(t.floor, (select e.revision from store.events e
                                                                where e.stream_id = t.id
                                                                order by e.revision desc limit 1))
                                       from store.streams t where t.id = s.id), -1)
                      from unnest(v_stream_ids) as s(id));
  v_refused := array(select v_actual[n] <> v_expected[n]
                         or (v_provided[n] > 0 and v_actual[v_provided[n]] <> v_expected[v_provided[n]])
                       from generate_subscripts(v_expected, 1) as n order by n);
  select array_agg(case when not v_refused[n] then
                     (select coalesce(sum(v_first[m + 1] - v_first[m]), 0)
                        from generate_series(1, n - 1) as m where v_refused[m])
                   end order by n),
         json_agg(json_build_array(n, v_actual[n]::text, (
           select max(e.position) filter (where e.revision = v_expected[n] + v_first[n + 1] - v_first[n])::text
             from unnest(v_ids[v_first[n] : v_first[n + 1] - 1]) with ordinality as i(id, k)
             join store.events e
               on e.stream_id = v_stream_ids[n] and e.revision = v_expected[n] + i.k and e.id = i.id
           having count(*) = v_first[n + 1] - v_first[n]
         )) order by n) filter (where v_refused[n])
    into v_skipped, unwritten
    from generate_subscripts(v_expected, 1) as n;

  insert into store.events (position, recorded_at, stream_id, revision, org, kind, v, id, data, metadata)
  select base + e.n - v_skipped[e.append], v_now,
         v_stream_ids[e.append], v_expected[e.append] + e.n - v_first[e.append] + 1,
         v_orgs[e.shape], v_kinds[e.shape], v_versions[e.shape],
         e.id, e.data, e.metadata
    from unnest(v_appends, v_shapes, v_ids, v_data, v_metadata) with ordinality
      as e(append, shape, id, data, metadata, n)
   where v_skipped[e.append] is not null;
end
$function$;
revoke all on function store.append_group(text, text, text, text, text, text, text, text, text, text, text, text, text)
  from public;
grant execute on function
  store.append_group(text, text, text, text, text, text, text, text, text, text, text, text, text) to kf_store;
`;
