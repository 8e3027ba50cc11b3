import { unpackMetadata } from '../metadata.js';
import type { RecordedEvent } from '../port.js';

/** An event as the statements of this driver select it. */
export interface EventRow {
  readonly position: string;
  readonly stream: string;
  readonly revision: string;
  readonly id: string;
  readonly type: string;
  readonly v: number;
  readonly org_id: string | null;
  readonly recorded_at: string;
  readonly data: unknown;
  readonly metadata: readonly unknown[];
}

/** Of `store.events e`. Names are looked up row by row: a join could be planned the wrong way round. */
export const COLUMNS = `
  e.position, e.revision, e.id, e.v, e.data, e.metadata,
  (select s.stream from store.streams s where s.id = e.stream_id) as stream,
  (select k.type from store.kinds k where k.id = e.kind) as type,
  (select o.org_id from store.orgs o where o.id = e.org) as org_id,
  to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at`;

export function recordedFrom(row: EventRow): RecordedEvent {
  const orgId = row.org_id === null ? null : `org_${row.org_id}`;
  return {
    id: `evt_${row.id}`,
    type: row.type,
    v: row.v,
    stream: row.stream,
    revision: BigInt(row.revision),
    position: row.position,
    recordedAt: row.recorded_at,
    data: row.data,
    metadata: unpackMetadata(row.metadata, orgId),
  };
}
