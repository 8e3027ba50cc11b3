import { type PolicyTarget, parseSelector } from '@keyfleet/contracts';
import type { PolicyTargetPreview } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type FilterFields, filterSql, scopedStatement, tenantQuery } from '@keyfleet/read-store';
import type { AgentTables } from '@keyfleet/registry/read-model';
import { type RawBuilder, type SqlBool, sql } from 'kysely';

export interface TargetScope {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly orgId: string;
}

const SHOWN = 50;

/** Selectors ask for labels and nothing else; `parseSelector` sees to that. */
const LABELS: FilterFields = {
  keys: () => ['labels.<key>'],
  get: (name) => {
    const key = name.slice('labels.'.length);
    return {
      type: 'text',
      sql: sql`a.labels ->> ${key}::text`,
      equals: (value) => sql<SqlBool>`a.labels @> ${JSON.stringify({ [key]: value })}::text::jsonb`,
    };
  },
};

/** Whom a target meets now, without those revoked. Null where the organisation has no such group; throws `filter.invalid`. */
export async function previewTarget(
  scope: TargetScope,
  target: PolicyTarget,
): Promise<PolicyTargetPreview | null> {
  const condition = await conditionOf(scope, target);
  if (condition === null) return null;
  const rows = await tenantQuery<AgentTables, Row>(scope.sql, scope.orgId, (db, org) =>
    db
      .selectFrom('registry.agents as a')
      .select(['a.agent_id', 'a.name', sql<bigint>`count(*) over ()`.as('agents')])
      .where('a.org_id', '=', org)
      .where('a.revoked_at', 'is', null)
      .where(condition)
      .orderBy('a.name')
      .orderBy('a.agent_id')
      .limit(SHOWN),
  );
  return {
    agents: Number(rows[0]?.agents ?? 0),
    items: rows.map(({ agent_id: id, name }) => ({ id, name })),
  };
}

interface Row {
  readonly agent_id: string;
  readonly name: string;
  readonly agents: bigint;
}

async function conditionOf(scope: TargetScope, target: PolicyTarget): Promise<RawBuilder<SqlBool> | null> {
  switch (target.kind) {
    case 'organisation':
      return sql<SqlBool>`true`;
    case 'agent':
      return sql<SqlBool>`a.agent_id = ${target.agentId}::text`;
    case 'selector':
      return selected(target.selector);
    case 'group': {
      const [group] = await groupById(scope.sql, scope.orgId, target.groupId);
      return group ? selected(group.selector) : null;
    }
    default:
      return target satisfies never;
  }
}

const selected = (selector: string): RawBuilder<SqlBool> => filterSql(parseSelector(selector), LABELS);

interface GroupTables {
  'registry.groups': { org_id: string; group_id: string; selector: string; removed: boolean };
}

const groupById = scopedStatement<GroupTables, { readonly selector: string }, [groupId: string]>(
  (db, org, groupId) =>
    db
      .selectFrom('registry.groups as g')
      .select('g.selector')
      .where('g.org_id', '=', org)
      .where('g.removed', '=', false)
      .where('g.group_id', '=', groupId),
);
