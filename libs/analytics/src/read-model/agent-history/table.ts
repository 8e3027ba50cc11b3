import { orgTable, type ProjectionTable } from '@keyfleet/read-store';

export const AGENT_HISTORY = 'analytics.agent_history';

/** What was known of an agent from one moment of recording to the next; the current state has no end. */
export interface AgentHistoryTable {
  org_id: string;
  agent_id: string;
  /** RFC 3339; the range includes its beginning and not its end. */
  valid_from: string;
  valid_to: string | null;
  name: string;
  labels: Record<string, string>;
  version: string;
  enrolled_at: string;
  certificate_expires_at: string | null;
  epoch: number;
  revoked: boolean;
  /** By its transitions alone; `unknown` before the first. */
  liveness: 'online' | 'offline' | 'unknown';
  /** How far the streams `agent-<id>` and `liveness-<id>` are in it; `-1` where nothing is. */
  agent_revision: bigint;
  liveness_revision: bigint;
}

export interface AgentHistoryTables {
  'analytics.agent_history': AgentHistoryTable;
}

export const AGENT_HISTORY_TABLE: ProjectionTable = {
  name: AGENT_HISTORY,
  create: (table) => `
    create table ${table} (
      org_id text not null,
      agent_id text not null,
      valid_from timestamptz not null,
      valid_to timestamptz check (valid_to > valid_from),
      name text not null,
      labels jsonb not null,
      version text not null,
      enrolled_at timestamptz not null,
      certificate_expires_at timestamptz,
      epoch int not null default 1,
      revoked boolean not null default false,
      liveness text not null default 'unknown' check (liveness in ('online', 'offline', 'unknown')),
      agent_revision bigint not null,
      liveness_revision bigint not null default -1,
      primary key (agent_id, valid_from)
    );
    create unique index on ${table} (agent_id) where valid_to is null;
    create index on ${table} (org_id, valid_from, valid_to);
    ${orgTable(table)}`,
};
