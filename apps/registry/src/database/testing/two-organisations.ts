import { analyticsMigrations } from '@keyfleet/analytics/read-model';
import {
  policyDistributionMigrations,
  policyMigrations,
  policyNamesMigrations,
} from '@keyfleet/policy/read-model';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { migrate } from '@keyfleet/read-store';
import { createTestDatabase, type DatabaseRole } from '@keyfleet/testing';
import { REGISTRY_MIGRATIONS } from '../migration-sets.js';

export const ORGS = [
  'org_01932b1e-7c3a-7abc-8def-00000000000a',
  'org_01932b1e-7c3a-7abc-8def-00000000000b',
] as const;
/** Rows of each organisation in each table; one where an organisation has no more. */
export const ROWS = 3;

export interface TwoOrganisations {
  as(role: DatabaseRole | 'superuser'): Sql;
  /** Every table of ours that names an organisation in each row, but the event store's own. */
  readonly tables: readonly string[];
  close(): Promise<void>;
}

/** The database as an installation has it, with rows of two organisations, and of none where that may be, in *every* table that has organisations. */
export async function twoOrganisations(): Promise<TwoOrganisations> {
  const database = await createTestDatabase();
  const sets = [
    ...REGISTRY_MIGRATIONS,
    analyticsMigrations,
    policyMigrations,
    policyDistributionMigrations,
    policyNamesMigrations,
  ];
  await migrate({ ownerUrl: database.url, sets });
  const pools = new Map<string, Sql>();
  const as = (role: DatabaseRole | 'superuser'): Sql => {
    const url = role === 'superuser' ? database.superuserUrl : database.urlFor(role);
    const pool = pools.get(role) ?? createSql({ url, applicationName: 'spec', max: 2 });
    pools.set(role, pool);
    return pool;
  };
  const columns = await columnsOf(as('superuser'));
  const tables = [...new Set(columns.map(({ table }) => table))];
  await transaction(as('superuser'), async (tx) => {
    await tx`set local session_replication_role = replica`;
    for (const table of tables) {
      const own = columns.filter((column) => column.table === table);
      for (const { orgId, row } of rowsFor(own))
        await tx.unsafe(
          `insert into ${table} (${own.map(({ name }) => name).join(', ')})
           values (${own.map(({ type }, at) => `$${at + 1}::text::${type}`).join(', ')})
           on conflict do nothing`,
          own.map((column) => (column.name === 'org_id' ? orgId : valueOf(column, row))) as never[],
        );
    }
  });
  return {
    as,
    tables,
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => closeSql(pool, 1_000)));
      await database.drop();
    },
  };
}

/** What a column holds in the n-th row: `agent_id` of row 2 is the same in every table, so that joins find each other. */
export const textOf = (column: string, row: number): string => `${column}-${row}`;
export const rowsOfOrg = (org: number): number[] => Array.from({ length: ROWS }, (_, n) => org * ROWS + n);

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
}

function columnsOf(sql: Sql): Promise<Column[]> {
  return sql<Column[]>`
    select format('%s.%s', n.nspname, c.relname) as table, a.attname as name,
      format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('store', 'pg_catalog', 'information_schema')
      and exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'org_id' and not o.attisdropped)
    order by 1, a.attnum`;
}

function rowsFor(columns: readonly Column[]): { readonly orgId: string | null; readonly row: number }[] {
  const rows: { orgId: string | null; row: number }[] = ORGS.flatMap((orgId, org) =>
    rowsOfOrg(org).map((row) => ({ orgId, row })),
  );
  const always = columns.some(({ name, required }) => name === 'org_id' && required);
  return always ? rows : [...rows, { orgId: null, row: ORGS.length * ROWS }];
}

/** Where a column takes not just anything. */
const PARTICULAR: Readonly<Record<string, (row: number) => string | null>> = {
  status: () => 'active',
  liveness: () => 'online',
  state: () => 'online',
  storage: () => 'ok',
  seal: () => 'unsealed',
  nkey: (row) => `U${'A'.repeat(54)}${'BCDEFGHIJ'[row]}`,
  sha256: (row) => String(row).repeat(64),
  stream: (row) => `journal-${textOf('agent_id', row)}.1`,
  epoch: () => '1',
  assignments: () => '[]',
  quarters: () => '[]',
};

function valueOf({ name, type, required }: Column, row: number): string | null {
  const particular = PARTICULAR[name];
  if (particular) return particular(row);
  if (!required && /_(?:at|to)$/.test(name)) return null;
  if (type === 'text') return textOf(name, row);
  if (type === 'date') return `2026-01-0${row + 1}`;
  if (type.startsWith('timestamp')) return `2026-01-0${row + 1}T00:00:00Z`;
  if (type === 'boolean') return 'false';
  if (type === 'jsonb') return '{}';
  if (type === 'uuid') return `00000000-0000-7000-8000-00000000000${row}`;
  if (type === 'bytea') return '\\x00';
  return type.endsWith('[]') ? '{}' : String(row + 1);
}
