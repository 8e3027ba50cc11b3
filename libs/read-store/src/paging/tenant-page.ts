import type { Sql } from '@keyfleet/postgres';
import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { type ScopedQuery, tenantQuery } from '../tenancy/tenant-query.js';
import type { Cursors } from './cursor.js';

/** A part of the order of a list. Never null, and the last part is unique, so that pages have no holes. */
export interface PageKey {
  readonly sql: RawBuilder<unknown>;
  readonly type: 'text' | 'timestamptz' | 'bigint';
}

export interface PageOptions {
  /** As kf_reader. */
  readonly sql: Sql;
  readonly orgId: string;
  readonly cursors: Cursors;
  /** Rows at most. */
  readonly limit: number;
  /** Of the page before; `cursor.invalid` where it was given for another list. */
  readonly cursor?: string | undefined;
  /** Names everything beside the organisation that the list depends on: what it lists, filter, order. */
  readonly list: readonly string[];
  readonly keys: readonly PageKey[];
  readonly descending?: boolean;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextCursor: string | null;
}

/** One page of an organisation's list, by place and not by number: rows that come or go meanwhile shift nothing. */
export async function tenantPage<Tables, Row>(
  options: PageOptions,
  build: ScopedQuery<Tables, Row>,
): Promise<Page<Row>> {
  const { cursors, orgId, keys, limit, cursor } = options;
  const list = [orgId, ...options.list];
  const place = cursor === undefined ? undefined : cursors.decode(list, cursor, keys.length);
  const found = await tenantQuery<Tables, Placed<Row>>(options.sql, orgId, (db, org) =>
    seek(build(db, org) as Query<Tables, Row>, options, place),
  );
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  return {
    rows: rows.map(({ place: _place, ...row }) => row as Row),
    nextCursor: last ? cursors.encode(list, last.place) : null,
  };
}

type Placed<Row> = Row & { readonly place: readonly string[] };
type Query<Tables, Row> = SelectQueryBuilder<Tables, keyof Tables, Row>;

function seek<Tables, Row>(
  query: Query<Tables, Row>,
  { keys, limit, descending = false }: PageOptions,
  place: readonly (string | null)[] | undefined,
): Query<Tables, Placed<Row>> {
  const texts = keys.map((key) => sql`(${key.sql})::text`);
  const here = sql.join(keys.map((key) => key.sql));
  let sought = query.select(sql<readonly string[]>`array[${sql.join(texts)}]`.as('place'));
  if (place) {
    const there = keys.map(({ type }, at) => sql`${place[at]}::text::${sql.raw(type)}`);
    sought = sought.where(sql<boolean>`(${here}) ${sql.raw(descending ? '<' : '>')} (${sql.join(there)})`);
  }
  for (const key of keys) sought = sought.orderBy(key.sql, descending ? 'desc' : 'asc');
  return sought.limit(limit + 1) as unknown as Query<Tables, Placed<Row>>;
}
