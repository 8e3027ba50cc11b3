import type { Sql } from '@keyfleet/postgres';
import { parkedStreams } from '@keyfleet/read-store';
import type { Row } from './output.js';

export const LIST_COLUMNS = ['projection', 'version', 'state', 'position', 'updatedAt', 'worker', 'parked'];

/** `rebuilding` is the copy an operator asked for, `replaced` what the last rebuild left. */
export async function listProjections(sql: Sql): Promise<Row[]> {
  return sql<Row[]>`
    select c.projection, abs(c.version) as version,
      case when c.version > 0 then c.state when c.state = 'building' then 'rebuilding' else 'replaced' end as state,
      c.position, to_char(c.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "updatedAt",
      case when l.until > clock_timestamp() then 'yes' else 'no' end as worker,
      (select count(*)::int from projections.parked_streams p
       where p.projection = c.projection and p.version = c.version) as parked
    from projections.checkpoints c left join projections.leases l using (projection, version)
    order by c.projection, abs(c.version), c.version desc`;
}

export const PARKED_COLUMNS = [
  'stream',
  'projection',
  'version',
  'fromRevision',
  'eventType',
  'code',
  'tries',
  'parkedAt',
];

/** Those whose rows stand still, for readers or (version below 0) in a rebuild under way. */
export async function listParked(sql: Sql): Promise<Row[]> {
  return (await parkedStreams(sql)).map(({ fromRevision, parkedAt, ...parked }) => ({
    ...parked,
    fromRevision: String(fromRevision),
    parkedAt: new Date(parkedAt).toISOString(),
  }));
}
