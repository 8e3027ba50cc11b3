import type { RecordedEvent } from '@keyfleet/event-store';
import { forJsonb } from '@keyfleet/postgres';
import type { Change, Projection, ProjectionContext } from '@keyfleet/read-store';
import { foldRow, type PolicyFact } from './fold.js';
import {
  POLICIES,
  POLICIES_TABLE,
  POLICY_VERSIONS,
  POLICY_VERSIONS_TABLE,
  type PoliciesTable,
} from './tables.js';

/** Policies as their pages show them, and each version that was published. */
export const policiesProjection: Projection = {
  name: POLICIES,
  version: 1,
  filter: { categories: ['policy'] },
  tables: [POLICIES_TABLE, POLICY_VERSIONS_TABLE],
  apply: async (events, context) => {
    const facts = events as readonly PolicyFact[];
    await applyFacts(facts, context);
    await addVersions(facts, context);
    return changesOf(facts);
  },
};

/** Reads the rows of a batch's policies, folds, and writes them back: two statements for however many facts. */
async function applyFacts(facts: readonly PolicyFact[], { tx, table }: ProjectionContext): Promise<void> {
  const policies = tx(table(POLICIES));
  const ids = [...new Set(facts.map(({ data }) => data.policyId))];
  const known = await tx<PoliciesTable[]>`select * from ${policies} where policy_id = any(${ids}::text[])`;
  const rows = new Map(known.map((row) => [row.policy_id, row]));
  for (const fact of facts) {
    const row = foldRow(rows.get(fact.data.policyId), fact);
    if (row) rows.set(row.policy_id, row);
  }
  await tx`
    insert into ${policies} as p
    select new.* from jsonb_populate_recordset(null::${policies}, ${textOf([...rows.values()])}::text::jsonb) as new
    on conflict (policy_id) do update set
      name = excluded.name, state = excluded.state, version = excluded.version, hash = excluded.hash,
      document = excluded.document, draft = excluded.draft, assignments = excluded.assignments,
      rollout = excluded.rollout, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
      revision = excluded.revision
    where p.revision < excluded.revision`;
}

function textOf(rows: readonly PoliciesTable[]): string {
  return forJsonb(
    JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  );
}

async function addVersions(facts: readonly PolicyFact[], { tx, table }: ProjectionContext): Promise<void> {
  for (const { type, data, metadata } of facts) {
    if (type !== 'PolicyPublished') continue;
    await tx`
      insert into ${tx(table(POLICY_VERSIONS))}
        (org_id, policy_id, version, hash, document, restores, published_at, published_by)
      values (${metadata.orgId}, ${data.policyId}, ${data.version}, ${data.hash},
        ${forJsonb(JSON.stringify(data.document))}::text::jsonb, ${data.restores}, ${metadata.at}, ${metadata.actor})
      on conflict do nothing`;
  }
}

function changesOf(facts: readonly (PolicyFact & RecordedEvent)[]): Change[] {
  return facts.map(({ data, metadata }) => ({ orgId: metadata.orgId, ids: [data.policyId] }));
}
