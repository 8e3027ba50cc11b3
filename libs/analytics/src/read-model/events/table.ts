import { orgTable, type ProjectionTable } from '@keyfleet/read-store';

export const EVENTS = 'analytics.events';
export const INSTALLATION_EVENTS = 'analytics.installation_events';

/** One row per event of the store, as it is shown. Times are RFC 3339. */
export interface InstallationEventsTable {
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

export interface EventsTable extends InstallationEventsTable {
  org_id: string;
}

export interface EventTables {
  'analytics.events': EventsTable;
  'analytics.installation_events': InstallationEventsTable;
}

const COLUMNS = `
      position bigint not null,
      id text not null,
      type text not null,
      v int not null,
      at timestamptz not null,
      recorded_at timestamptz not null,
      stream text not null,
      revision bigint not null,
      agent_id text,
      actor text not null,
      data jsonb not null`;

export const EVENTS_TABLE: ProjectionTable = {
  name: EVENTS,
  create: (table) => `
    create table ${table} (
      org_id text not null,${COLUMNS},
      primary key (org_id, position)
    );
    create index on ${table} (org_id, agent_id, position desc) where agent_id is not null;
    create index on ${table} (org_id, type, position desc);
    create index on ${table} (org_id, at);
    ${orgTable(table)}`,
};

/**
 * Facts of the installation, which every organisation may read. In one table with the others, "mine or nobody's" would
 * be a condition no index answers, and a page would cost as much as the whole timeline.
 */
export const INSTALLATION_EVENTS_TABLE: ProjectionTable = {
  name: INSTALLATION_EVENTS,
  create: (table) => `
    create table ${table} (${COLUMNS},
      primary key (position)
    );
    grant select on ${table} to kf_reader;
    grant select, insert, update, delete on ${table} to kf_worker;`,
};
