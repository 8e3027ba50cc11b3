import type { Sql } from '@keyfleet/postgres';
import type { RequestClassesTable } from './tables.js';
import { beginOf, dayOf, type RequestedClass } from './usage.js';

/** Requests of one class at one agent within a quarter of an hour. */
export interface RecordedRequests extends RequestedClass {
  readonly agentId: string;
  /** Milliseconds since 1970: when the quarter of an hour began. */
  readonly minute: number;
  readonly allowed: number;
  readonly denied: number;
}

export interface RecordedRequestsOptions {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly orgId: string;
  /** Milliseconds since 1970; at most 90 days are kept. */
  readonly since: number;
  /** Rows read at a time. */
  readonly pageSize?: number;
}

type Row = Pick<RequestClassesTable, 'day' | 'agent_id' | 'class_hash' | 'class' | 'quarters'>;

/**
 * What an organisation's agents were asked since then, page by page in no order that means anything. Pages go by place,
 * and no transaction is held between them.
 */
export async function* recordedRequests(
  options: RecordedRequestsOptions,
): AsyncGenerator<readonly RecordedRequests[]> {
  const { sql, orgId, since, pageSize = 5_000 } = options;
  let after: Pick<Row, 'day' | 'agent_id' | 'class_hash'> = {
    day: dayOf(since),
    agent_id: '',
    class_hash: '',
  };
  for (;;) {
    const rows: readonly Row[] = await sql<Row[]>`
      select r.day::text as day, r.agent_id, r.class_hash, r.class, r.quarters from policy.request_classes r
      where r.org_id = ${orgId} and (r.day, r.agent_id, r.class_hash)
        > (${after.day}::text::date, ${after.agent_id}::text, ${after.class_hash}::text)
      order by r.day, r.agent_id, r.class_hash limit ${pageSize}`;
    const page = rows.flatMap(requestsOf).filter(({ minute }) => minute >= since);
    if (page.length > 0) yield page;
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) return;
    after = last;
  }
}

function requestsOf({ day, agent_id: agentId, class: requested, quarters }: Row): RecordedRequests[] {
  return quarters.map(([quarter, allowed, denied]) => ({
    ...requested,
    ...{ agentId, minute: beginOf(day, quarter), allowed, denied },
  }));
}
