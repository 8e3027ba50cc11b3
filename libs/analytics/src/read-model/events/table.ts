import { orgOrInstallationTable, type ProjectionTable } from '@keyfleet/read-store';

export const EVENTS = 'analytics.events';

/** One row per event of the store, as an organisation may see it. Times are RFC 3339. */
export interface EventsTable {
  /** `null` for facts of the installation. */
  org_id: string | null;
  position: bigint;
  id: string;
  type: string;
  v: number;
  at: string;
  recorded_at: string;
  stream: string;
  revision: bigint;
  agent_id: string | null;
  actor: string;
  data: Record<string, unknown>;
}

export interface EventTables {
  'analytics.events': EventsTable;
}

export const EVENTS_TABLE: ProjectionTable = {
  name: EVENTS,
  create: (table) => `
    create table ${table} (
      org_id text,
      position bigint primary key,
      id text not null,
      type text not null,
      v int not null,
      at timestamptz not null,
      recorded_at timestamptz not null,
      stream text not null,
      revision bigint not null,
      agent_id text,
      actor text not null,
      data jsonb not null
    );
    create index on ${table} (org_id, position desc);
    create index on ${table} (org_id, agent_id, position desc) where agent_id is not null;
    create index on ${table} (org_id, type, position desc);
    create index on ${table} using brin (recorded_at);
    ${orgOrInstallationTable(table)}`,
};
