import { orgTable, type ProjectionTable } from '@keyfleet/read-store';

export const AGENT_HISTORY = 'analytics.agent_history';

/** What was known of an agent from one moment of recording to the next; the current state has no end. */
export interface AgentHistoryTable {
  org_id: string;
  agent_id: string;
  valid_from: string;
  valid_to: string | null;
  name: string;
  labels: Record<string, string>;
  version: string;
  state: 'online' | 'offline' | 'unknown' | 'revoked';
  enrolled_at: string;
  certificate_expires_at: string | null;
  epoch: number;
  position: bigint;
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
      valid_to timestamptz,
      name text not null,
      labels jsonb not null,
      version text not null,
      state text not null check (state in ('online', 'offline', 'unknown', 'revoked')),
      enrolled_at timestamptz not null,
      certificate_expires_at timestamptz,
      epoch int not null default 1,
      position bigint not null,
      primary key (org_id, agent_id, valid_from)
    );
    create unique index on ${table} (agent_id) where valid_to is null;
    create index on ${table} (org_id, valid_from, valid_to);
    ${orgTable(table)}`,
};
