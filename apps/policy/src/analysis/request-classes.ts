import { recordedRequests } from '@keyfleet/policy/read-model';
import type { RequestClass } from '@keyfleet/policy-engine';
import type { Sql } from '@keyfleet/postgres';

/** Requests of one class at one agent, and what became of them; `minute` is when the time they are counted by began. */
export interface RecordedClass extends RequestClass {
  readonly agentId: string;
  readonly allowed: number;
  readonly denied: number;
}

/** What agents reported of the requests they answered. */
export interface RequestClasses {
  /** Since then (milliseconds since 1970), page by page in no order, each once; what comes in meanwhile may be among them. */
  recorded(orgId: string, since: number): AsyncIterable<readonly RecordedClass[]>;
}

/** The read model counts by quarters of an hour. */
const MINUTES = 15;

/** Over a connection as `kf_worker`. */
export function storedRequestClasses(sql: Sql): RequestClasses {
  return {
    recorded: async function* (orgId, since) {
      for await (const page of recordedRequests({ sql, orgId, since }))
        yield page.map((row) => ({ ...row, minutes: MINUTES }));
    },
  };
}
