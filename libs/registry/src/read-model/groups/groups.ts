import { parseFilter } from '@keyfleet/contracts';
import type { EventOf, GroupDefined, GroupRemoved } from '@keyfleet/contracts/events';
import type { GroupView } from '@keyfleet/contracts/http';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';
import {
  type Cursors,
  type FilterField,
  filterSql,
  orgTable,
  type Projection,
  tenantPage,
} from '@keyfleet/read-store';
import { sql } from 'kysely';

interface GroupTables {
  'registry.groups': {
    org_id: string;
    group_id: string;
    name: string;
    selector: string;
    offline_after: number | null;
    defined_at: string;
    removed: boolean;
    revision: bigint;
  };
}

const GROUPS = 'registry.groups';

/** The groups of an organisation. A removed one keeps its row, so that an older fact cannot bring it back. */
export const groupsProjection: Projection = {
  name: GROUPS,
  version: 1,
  filter: { categories: ['group'] },
  tables: [
    {
      name: GROUPS,
      create: (table) => `
        create table ${table} (
          org_id text not null,
          group_id text not null unique,
          name text not null,
          selector text not null,
          offline_after int,
          defined_at timestamptz not null,
          removed boolean not null default false,
          revision bigint not null,
          primary key (org_id, group_id)
        );
        create index on ${table} (org_id, name, group_id) where not removed;
        ${orgTable(table)}`,
    },
  ],
  apply: async (events, { tx, table }) => {
    const groups = tx(table(GROUPS));
    for (const { type, data, metadata, revision } of events as readonly Fact[]) {
      if (type === 'GroupDefined')
        await tx`
          insert into ${groups} as g (org_id, group_id, name, selector, offline_after, defined_at, revision)
          values (${metadata.orgId}, ${data.groupId}, ${data.name}, ${data.selector},
            ${data.offlineAfterSeconds}, ${metadata.at}, ${revision})
          on conflict (group_id) do update set name = excluded.name, selector = excluded.selector,
            offline_after = excluded.offline_after, defined_at = excluded.defined_at, revision = excluded.revision
          where g.revision < excluded.revision`;
      else
        await tx`update ${groups} set removed = true, revision = ${revision}
          where group_id = ${data.groupId} and revision < ${revision}`;
    }
    return (events as readonly Fact[]).map(({ data, metadata }) => ({
      orgId: metadata.orgId,
      ids: [data.groupId],
    }));
  },
};

type Fact = RecordedEvent & EventOf<typeof GroupDefined | typeof GroupRemoved>;

const FIELDS: ReadonlyMap<string, FilterField> = new Map([
  ['id', { type: 'text', sql: sql`g.group_id` }],
  ['name', { type: 'text', sql: sql`g.name` }],
]);

export interface GroupList {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

/** A page of groups by name. Throws `filter.invalid` and `cursor.invalid`. */
export async function listGroups(
  list: GroupList,
): Promise<{ readonly items: readonly GroupView[]; readonly nextCursor: string | null }> {
  const condition = list.filter ? filterSql(parseFilter(list.filter), FIELDS) : undefined;
  const { rows, nextCursor } = await tenantPage<GroupTables, GroupRow>(
    {
      ...list,
      list: ['groups', list.filter ?? ''],
      keys: [
        { sql: sql`g.name`, type: 'text' },
        { sql: sql`g.group_id`, type: 'text' },
      ],
    },
    (db, org) => {
      const query = db
        .selectFrom('registry.groups as g')
        .select(['g.group_id', 'g.name', 'g.selector', 'g.offline_after', 'g.defined_at'])
        .where('g.org_id', '=', org)
        .where('g.removed', '=', false);
      return condition ? query.where(condition) : query;
    },
  );
  return { items: rows.map(toView), nextCursor };
}

type GroupRow = Pick<
  GroupTables['registry.groups'],
  'group_id' | 'name' | 'selector' | 'offline_after' | 'defined_at'
>;

function toView(row: GroupRow): GroupView {
  return {
    id: row.group_id,
    name: row.name,
    selector: row.selector,
    offlineAfterSeconds: row.offline_after,
    definedAt: row.defined_at,
  };
}
