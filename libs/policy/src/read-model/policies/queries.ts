import { parseFilter, ROLLOUT_STATES } from '@keyfleet/contracts';
import {
  POLICY_STATES,
  type PolicySummary,
  type PolicyVersionView,
  type PolicyView,
} from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import {
  type Cursors,
  type FilterField,
  filterSql,
  type OrgOfScope,
  scopedStatement,
  tenantPage,
} from '@keyfleet/read-store';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { PoliciesTable, PolicyTables, PolicyVersionsTable } from './tables.js';

/** One organisation's policies, over a connection as `kf_reader`. */
export interface PolicyScope {
  readonly sql: Sql;
  readonly orgId: string;
}

export interface PolicyList extends PolicyScope {
  readonly cursors: Cursors;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

const FIELDS: ReadonlyMap<string, FilterField> = new Map<string, FilterField>([
  ['id', { type: 'text', sql: sql`p.policy_id` }],
  ['name', { type: 'text', sql: sql`p.name` }],
  ['state', { type: 'text', sql: sql`p.state`, values: POLICY_STATES }],
  ['version', { type: 'number', sql: sql`p.version` }],
  ['rollout', { type: 'text', sql: sql`p.rollout ->> 'state'`, values: ROLLOUT_STATES }],
  ['changedAt', { type: 'time', sql: sql`p.changed_at` }],
  ['changedBy', { type: 'text', sql: sql`p.changed_by` }],
]);

/** Of what is published, else of the draft. */
const STATEMENTS: RawBuilder<number> = sql`jsonb_array_length(coalesce(
  p.document -> 'statements', p.draft #> '{document,statements}', '[]'))`;

function summaries(db: Kysely<PolicyTables>, org: OrgOfScope) {
  return db
    .selectFrom('policy.policies as p')
    .select(['p.policy_id', 'p.name', 'p.state', 'p.version', 'p.changed_at', 'p.changed_by'])
    .select([
      sql<boolean>`p.draft is not null`.as('has_draft'),
      STATEMENTS.as('statements'),
      sql<number>`jsonb_array_length(p.assignments)`.as('assignment_count'),
      sql<PolicySummary['rollout']>`p.rollout ->> 'state'`.as('rollout_state'),
    ])
    .where('p.org_id', '=', org);
}

type SummaryRow = Awaited<ReturnType<ReturnType<typeof summaries>['execute']>>[number];

/** A page of policies by name. Throws `filter.invalid` and `cursor.invalid`. */
export async function listPolicies(list: PolicyList): Promise<Page<PolicySummary>> {
  const condition = list.filter ? filterSql(parseFilter(list.filter), FIELDS) : undefined;
  const { rows, nextCursor } = await tenantPage<PolicyTables, SummaryRow>(
    {
      ...list,
      list: ['policies', list.filter ?? ''],
      keys: [
        { sql: sql`p.name`, type: 'text' },
        { sql: sql`p.policy_id`, type: 'text' },
      ],
    },
    (db, org) => (condition ? summaries(db, org).where(condition) : summaries(db, org)),
  );
  return { items: rows.map(toSummary), nextCursor };
}

type DetailRow = SummaryRow &
  Pick<PoliciesTable, 'hash' | 'document' | 'draft' | 'assignments' | 'rollout' | 'revision'>;

const policyById = scopedStatement<PolicyTables, DetailRow, [policyId: string]>((db, org, policyId) =>
  summaries(db, org)
    .select(['p.hash', 'p.document', 'p.draft', 'p.assignments', 'p.rollout', 'p.revision'])
    .where('p.policy_id', '=', policyId),
);

/** With its ETag; `null` where the organisation has no such policy. */
export async function getPolicy(
  { sql: database, orgId }: PolicyScope,
  policyId: string,
): Promise<{ readonly view: PolicyView; readonly revision: string } | null> {
  const [row] = await policyById(database, orgId, policyId);
  if (!row) return null;
  const { version, hash, document, draft, assignments, rollout } = row;
  const published =
    version === null || hash === null || document === null ? null : { version, hash, document };
  const view: PolicyView = {
    ...toSummary(row),
    ...{ published, draft, assignmentList: assignments, rolloutDetail: rollout },
  };
  return { view, revision: String(row.revision) };
}

function versionsOf(db: Kysely<PolicyTables>, org: OrgOfScope, policyId: string) {
  return db
    .selectFrom('policy.policy_versions as v')
    .select(['v.version', 'v.hash', 'v.document', 'v.restores', 'v.published_at', 'v.published_by'])
    .where('v.org_id', '=', org)
    .where('v.policy_id', '=', policyId);
}

type VersionRow = Pick<
  PolicyVersionsTable,
  'version' | 'hash' | 'document' | 'restores' | 'published_at' | 'published_by'
>;

/** A page of a policy's versions, newest first. Throws `cursor.invalid`. */
export async function listPolicyVersions(
  list: Omit<PolicyList, 'filter'> & { readonly policyId: string },
): Promise<Page<PolicyVersionView>> {
  const { rows, nextCursor } = await tenantPage<PolicyTables, VersionRow>(
    {
      ...list,
      list: ['policy-versions', list.policyId],
      keys: [{ sql: sql`v.version`, type: 'bigint' }],
      descending: true,
    },
    (db, org) => versionsOf(db, org, list.policyId),
  );
  return { items: rows.map(toVersion), nextCursor };
}

const versionOf = scopedStatement<PolicyTables, VersionRow, [policyId: string, version: number]>(
  (db, org, policyId, version) => versionsOf(db, org, policyId).where('v.version', '=', version),
);

/** `null` where the organisation has no such policy, or the policy no such version. */
export async function getPolicyVersion(
  { sql: database, orgId }: PolicyScope,
  policyId: string,
  version: number,
): Promise<PolicyVersionView | null> {
  const [row] = await versionOf(database, orgId, policyId, version);
  return row ? toVersion(row) : null;
}

function toSummary(row: SummaryRow): PolicySummary {
  return {
    id: row.policy_id,
    name: row.name,
    state: row.state,
    version: row.version,
    hasDraft: row.has_draft,
    statements: row.statements,
    assignments: row.assignment_count,
    rollout: row.rollout_state,
    changedAt: row.changed_at,
    changedBy: row.changed_by,
  };
}

function toVersion(row: VersionRow): PolicyVersionView {
  return {
    version: row.version,
    hash: row.hash,
    document: row.document,
    restores: row.restores,
    publishedAt: row.published_at,
    publishedBy: row.published_by,
  };
}
