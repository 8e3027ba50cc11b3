import type { Look } from '../follow.js';
import type { EventFilter, Position, ReadStreamOptions, RecordedEvent } from '../port.js';
import { compareCounts, laterCount } from '../position.js';
import type { Link } from './link.js';
import { COLUMNS, type EventRow, recordedFrom } from './rows.js';

/** So many events are looked through by index for a filter before a mark is due. */
const REACH = 10_000;

/** Of the newest event there ever was. */
const HEAD =
  'select greatest(f.position, (select max(position) from store.events)) as head from store.floor f';

const EVERYTHING = `
with edge as materialized (${HEAD})
select edge.head, edge.head as upto, page.*
  from edge
  left join lateral (
    select ${COLUMNS}
      from store.events e where e.position > $1::text::bigint and e.position <= edge.head
     order by e.position limit $2
  ) page on true`;

/** One list of numbers holds categories and types alike; the index carries them, so only what matches is fetched. */
const FILTERED = `
with edge as materialized (${HEAD}),
reach as materialized (
  select coalesce((select position from store.events where position > $1::text::bigint
                    order by position offset ${REACH - 1} limit 1), edge.head) as upto from edge
)
select edge.head, reach.upto, page.*
  from edge cross join reach
  left join lateral (
    select ${COLUMNS}
      from (select m.position from store.events m
             where m.position > $1::text::bigint and m.position <= reach.upto
               and m.kind = any (array(
                 select k.id from store.kinds k
                  where ($3::text is null or k.category = any (string_to_array($3::text, ',')))
                    and ($4::text is null or k.type = any (string_to_array($4::text, ',')))))
             order by m.position limit $2) wanted
      join store.events e on e.position = wanted.position
     order by e.position
  ) page on true`;

/** What is wanted is counted before the newest of each type in a stream are picked: that many were looked at. */
const CONDENSED = `
with edge as materialized (${HEAD}),
reach as materialized (
  select coalesce((select position from store.events where position > $1::text::bigint
                    order by position offset ${REACH - 1} limit 1), edge.head) as upto from edge
),
wanted as materialized (
  select m.position, m.kind from store.events m cross join reach
   where m.position > $1::text::bigint and m.position <= reach.upto
     and m.kind = any (array(
       select k.id from store.kinds k
        where ($3::text is null or k.category = any (string_to_array($3::text, ',')))
          and ($4::text is null or k.type = any (string_to_array($4::text, ',')))))
   order by m.position limit $2
),
picked as materialized (
  select position from (
    select wanted.position,
      wanted.kind = any (array(select k.id from store.kinds k where k.category = any (string_to_array($5::text, ','))))
        as condensed,
      row_number() over (partition by s.stream_id, wanted.kind order by wanted.position desc) as back
      from wanted join store.events s on s.position = wanted.position
  ) as ranked
   where back = 1 or not condensed
)
select edge.head, reach.upto, (select count(*)::int from wanted) as considered, page.*
  from edge cross join reach
  left join lateral (
    select ${COLUMNS}
      from picked join store.events e on e.position = picked.position
     order by e.position
  ) page on true`;

const streamStatement = (comparison: '>=' | '<=', first: string, direction: 'asc' | 'desc'): string => `
select ${COLUMNS}
  from store.events e
 where e.stream_id = (select s.id from store.streams s where s.stream = $1)
   and e.revision ${comparison} coalesce($2::text::bigint, ${first})
   and ($3::text is null or e.recorded_at <= $3::text::timestamptz)
 order by e.revision ${direction} limit $4::text::bigint`;
const FORWARDS = streamStatement('>=', '0', 'asc');
const BACKWARDS = streamStatement('<=', '9223372036854775807', 'desc');

const REVISION = `
select greatest(s.floor, (select e.revision from store.events e where e.stream_id = s.id
                           order by e.revision desc limit 1)) as revision
  from store.streams s where s.stream = $1`;

type PageRow = { readonly head: Position; readonly upto: Position; readonly considered?: number } & (
  | EventRow
  | { readonly position: null }
);

export interface LookFor {
  readonly after: Position;
  readonly filter: EventFilter | undefined;
  readonly newestOf?: readonly string[] | undefined;
  readonly limit: number;
}

/** Reads whole commits only, in their order: writers stand in line, so nothing appears behind what was seen. */
export class Reader {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Bounded in time by `limit`, or by what an index shows of 10,000 events where a filter lets little through. */
  async look(what: LookFor): Promise<Look> {
    const { after, limit } = what;
    const rows = await this.#page(what);
    const { head, upto, considered } = rows[0] as PageRow;
    const events = rows.filter(isEvent).map(recordedFrom);
    const looked = (considered ?? events.length) === limit ? (events.at(-1) as RecordedEvent).position : upto;
    const upTo = laterCount(after, looked);
    return { events, upTo, more: upTo !== laterCount(upTo, head), behind: compareCounts(head, after) < 0 };
  }

  #page({ after, limit, filter, newestOf }: LookFor): Promise<PageRow[]> {
    const { categories, types } = filter ?? {};
    const filtered = [after, limit, names(categories), names(types)];
    if (newestOf) return this.#query<PageRow>(CONDENSED, [...filtered, names(newestOf)]);
    if (categories || types) return this.#query<PageRow>(FILTERED, filtered);
    return this.#query<PageRow>(EVERYTHING, [after, limit]);
  }

  async stream(stream: string, options: ReadStreamOptions): Promise<RecordedEvent[]> {
    const { from, until, limit, direction } = options;
    const statement = direction === 'backwards' ? BACKWARDS : FORWARDS;
    const rows = await this.#query<EventRow>(statement, [
      stream,
      from?.toString() ?? null,
      until ?? null,
      limit?.toString() ?? null,
    ]);
    return rows.map(recordedFrom);
  }

  async revision(stream: string): Promise<bigint | null> {
    const [row] = await this.#query<{ revision: string }>(REVISION, [stream]);
    // A stream is named before its first event is committed.
    return row && row.revision !== '-1' ? BigInt(row.revision) : null;
  }

  async head(): Promise<Position> {
    const [row] = await this.#query<{ head: Position }>(HEAD, []);
    return row?.head as Position;
  }

  #query<Row extends object>(statement: string, values: (string | number | null)[]): Promise<Row[]> {
    return this.#link.run((sql) => sql.unsafe<Row[]>(statement, values, { prepare: true }));
  }
}

const names = (list: readonly string[] | undefined): string | null => list?.join(',') ?? null;

function isEvent(row: PageRow): row is PageRow & EventRow {
  return row.position !== null;
}
