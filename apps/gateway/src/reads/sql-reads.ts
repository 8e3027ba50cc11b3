import { agentsAsOf, listEvents } from '@keyfleet/analytics/read-model';
import { listApiTokens } from '@keyfleet/identity/read-model';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, waitForPosition } from '@keyfleet/read-store';
import {
  countAgentsByState,
  getAgent,
  getAgents,
  listAgents,
  listEnrolmentTokens,
  listGroups,
} from '@keyfleet/registry/read-model';
import type { FleetReads } from './fleet-reads.js';

export interface SqlReadsOptions {
  /** As kf_reader. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly now: () => number;
}

/** The read models as their owners give them out, each query scoped to one organisation in its own statement. */
export function sqlReads({ sql, cursors, now }: SqlReadsOptions): FleetReads {
  const within = (orgId: string) => ({ sql, cursors, orgId });
  return {
    agents: (orgId, args) => listAgents({ ...within(orgId), ...args }),
    agentsAsOf: (orgId, args) => agentsAsOf({ ...within(orgId), ...args }),
    agent: (orgId, agentId) => getAgent({ sql, orgId }, agentId),
    agentsById: (orgId, ids) => getAgents({ sql, orgId }, ids),
    agentCounts: (orgId) => countAgentsByState({ sql, orgId }),
    groups: (orgId, args) => listGroups({ ...within(orgId), ...args }),
    enrolmentTokens: (orgId, args) =>
      listEnrolmentTokens({ ...within(orgId), ...args, now: new Date(now()).toISOString() }),
    apiTokens: (orgId, args) => listApiTokens({ ...within(orgId), ...args }),
    events: (orgId, args) => listEvents({ ...within(orgId), ...args }),
    reached: (readModels, position, ceilingMs) =>
      waitForPosition(sql, { projections: readModels, position, ceilingMs }),
  };
}
