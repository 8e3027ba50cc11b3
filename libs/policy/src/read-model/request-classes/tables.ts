import { orgTable, type ProjectionTable } from '@keyfleet/read-store';
import type { RequestedClass } from './usage.js';

export const REQUEST_CLASSES = 'policy.request_classes';
export const REQUEST_JOURNALS = 'policy.request_class_journals';

/** A quarter of an hour of the day in UTC (0 to 95), and how many requests of it were let through and denied. */
export type QuarterHour = readonly [quarter: number, allowed: number, denied: number];

/** How often an agent was asked one kind of thing on one day. */
export interface RequestClassesTable {
  org_id: string;
  /** `2026-01-31`, UTC. */
  day: string;
  agent_id: string;
  class_hash: string;
  class: RequestedClass;
  allowed: bigint;
  denied: bigint;
  quarters: readonly QuarterHour[];
}

export const REQUEST_CLASSES_TABLE: ProjectionTable = {
  name: REQUEST_CLASSES,
  create: (table) => `
    create table ${table} (
      org_id text not null,
      day date not null,
      agent_id text not null,
      class_hash text not null,
      class jsonb not null,
      allowed bigint not null,
      denied bigint not null,
      quarters jsonb not null,
      primary key (org_id, day, agent_id, class_hash)
    ) with (fillfactor = 70);
    create index on ${table} (day);
    ${orgTable(table)}`,
};

/** How far each journal is counted: counts, unlike states, must not be taken twice. */
export const REQUEST_JOURNALS_TABLE: ProjectionTable = {
  name: REQUEST_JOURNALS,
  create: (table) => `
    create table ${table} (
      stream text primary key,
      org_id text not null,
      revision bigint not null
    );
    ${orgTable(table)}`,
};
