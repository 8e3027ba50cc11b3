import type { Sql } from '@keyfleet/postgres';
import { type AliasableExpression, type Kysely, type RawBuilder, sql as raw } from 'kysely';
import { queryBuilder } from './builder.js';
import { worthPreparing } from './prepared.js';
import { reading } from './reading.js';

/** Builds a query that must say `where org_id = ctx.org`; the scope is a column of the statement itself. */
export type ScopedQuery<Tables, Row> = (db: Kysely<Tables>, org: OrgOfScope) => AliasableExpression<Row>;

/** The organisation in scope, as an expression for `where('org_id', '=', org)`. */
export type OrgOfScope = RawBuilder<string>;

const builders = queryBuilder<never>();

const ORG: OrgOfScope = raw<string>`ctx.org`;

/**
 * Reads for one organisation: scope and query in *one* statement, so that it costs no transaction of its own.
 * A materialised CTE sets `app.org`; `OFFSET 0` keeps the planner from scanning before it is set (docs/adr/0004).
 * Nothing else may set `app.org`. `store.unavailable` where the database does not answer.
 */
export async function tenantQuery<Tables, Row>(
  sql: Sql,
  orgId: string,
  build: ScopedQuery<Tables, Row>,
): Promise<Row[]> {
  const { text, parameters } = compileScoped(orgId, build);
  const rows = await reading(sql.unsafe(text, parameters as never[], { prepare: worthPreparing(text) }));
  return rows as unknown as Row[];
}

/** The statement `tenantQuery` runs; tests compare its answer with the BEGIN / SET LOCAL form. */
export function compileScoped<Tables, Row>(
  orgId: unknown,
  build: ScopedQuery<Tables, Row>,
): { readonly text: string; readonly parameters: readonly unknown[] } {
  const inner = build(builders as unknown as Kysely<Tables>, ORG);
  const query = raw`with ctx as materialized (select set_config('app.org', ${orgId}, true) as org)
    select answer.* from ctx cross join lateral (${inner as never} offset 0) as answer`.compile(builders);
  return { text: query.sql, parameters: query.parameters };
}
