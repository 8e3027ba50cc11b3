import type { PolicyView } from '@keyfleet/contracts/http';
import { orgTable, type ProjectionTable } from '@keyfleet/read-store';

export const POLICIES = 'policy.policies';
export const POLICY_VERSIONS = 'policy.policy_versions';

/** One row per policy that was ever drafted: all that its page shows. Times are RFC 3339. */
export interface PoliciesTable {
  org_id: string;
  policy_id: string;
  name: string;
  state: PolicyView['state'];
  /** The newest published version. */
  version: number | null;
  hash: string | null;
  document: NonNullable<PolicyView['published']>['document'] | null;
  draft: PolicyView['draft'];
  assignments: PolicyView['assignmentList'];
  rollout: PolicyView['rolloutDetail'];
  changed_at: string;
  changed_by: string;
  /** Of the stream `policy-<id>`: the ETag. */
  revision: bigint;
}

/** A version never changes. */
export interface PolicyVersionsTable {
  org_id: string;
  policy_id: string;
  version: number;
  hash: string;
  document: NonNullable<PolicyView['published']>['document'];
  restores: number | null;
  published_at: string;
  published_by: string;
}

export interface PolicyTables {
  'policy.policies': PoliciesTable;
  'policy.policy_versions': PolicyVersionsTable;
}

export const POLICIES_TABLE: ProjectionTable = {
  name: POLICIES,
  create: (table) => `
    create table ${table} (
      org_id text not null,
      policy_id text not null unique,
      name text not null,
      state text not null,
      version int,
      hash text,
      document jsonb,
      draft jsonb,
      assignments jsonb not null,
      rollout jsonb,
      changed_at timestamptz not null,
      changed_by text not null,
      revision bigint not null,
      primary key (org_id, policy_id)
    );
    create index on ${table} (org_id, name, policy_id);
    ${orgTable(table)}`,
};

export const POLICY_VERSIONS_TABLE: ProjectionTable = {
  name: POLICY_VERSIONS,
  create: (table) => `
    create table ${table} (
      org_id text not null,
      policy_id text not null,
      version int not null,
      hash text not null,
      document jsonb not null,
      restores int,
      published_at timestamptz not null,
      published_by text not null,
      primary key (policy_id, version)
    );
    create index on ${table} (org_id, policy_id, version);
    ${orgTable(table)}`,
};
