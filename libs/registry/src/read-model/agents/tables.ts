import { orgTable, type ProjectionTable } from '@keyfleet/read-store';
import type { LastSeenTables } from '../last-seen/tables.js';

/** One row per agent that ever enrolled, from facts alone. Times are RFC 3339. */
export interface AgentsTable {
  org_id: string;
  agent_id: string;
  name: string;
  nkey: string;
  labels: Record<string, string>;
  version: string;
  enrolled_at: string;
  certificate_expires_at: string;
  /** No credential of this agent is good for longer. */
  credentials_end_at: string;
  revoked_at: string | null;
  journal_epoch: number;
  journal_seq: bigint;
  last_event_type: string;
  last_event_at: string;
  last_event_recorded_at: string;
  /** Of the stream `agent-<id>`: the ETag. */
  revision: bigint;
}

export interface AgentTables extends LastSeenTables {
  'registry.agents': AgentsTable;
}

export const AGENTS = 'registry.agents';

export const AGENTS_TABLE: ProjectionTable = {
  name: AGENTS,
  create: (table) => `
    create table ${table} (
      org_id text not null,
      agent_id text not null unique,
      name text not null,
      nkey text not null,
      labels jsonb not null,
      version text not null,
      enrolled_at timestamptz not null,
      certificate_expires_at timestamptz not null,
      credentials_end_at timestamptz not null,
      revoked_at timestamptz,
      journal_epoch int not null default 1,
      journal_seq bigint not null default 0,
      last_event_type text not null,
      last_event_at timestamptz not null,
      last_event_recorded_at timestamptz not null,
      revision bigint not null,
      primary key (org_id, agent_id)
    ) with (fillfactor = 80);
    create index on ${table} (org_id, name, agent_id);
    create index on ${table} (org_id, enrolled_at, agent_id);
    create index on ${table} using gin (labels jsonb_path_ops);
    ${orgTable(table)}`,
};
