import { type AliasedRawBuilder, type RawBuilder, sql } from 'kysely';

/** Any JSON value as a `jsonb` parameter; a bare array would be taken for a PostgreSQL array, a bare string for JSON text. */
export function jsonb<T>(value: T): RawBuilder<T> {
  return sql<T>`${JSON.stringify(value)}::text::jsonb`;
}

/** PostgreSQL types of a recordset's columns. */
export type ColumnTypes<Row> = { readonly [Column in keyof Row & string]: ColumnType };
export type ColumnType =
  | 'text'
  | 'text[]'
  | 'int'
  | 'bigint'
  | 'double precision'
  | 'boolean'
  | 'timestamptz'
  | 'date'
  | 'jsonb';

/**
 * Rows as one parameter, to insert or join: `insertInto(t).columns([...]).expression((eb) => eb.selectFrom(rowset('r', rows, types)).select([...]))`.
 * The statement is the same for any number of rows, so the server keeps one plan, and there is no limit of parameters.
 */
export function rowset<Row extends object, Alias extends string>(
  alias: Alias,
  rows: readonly Row[],
  types: ColumnTypes<Row>,
): AliasedRawBuilder<Row, Alias> {
  const columns = Object.entries<ColumnType>(types);
  const definition = sql.join(columns.map(([name, type]) => sql`${sql.id(name)} ${sql.raw(type)}`));
  return sql<Row>`jsonb_to_recordset(${toJson(rows)}::text::jsonb)`.as<Alias>(
    sql`${sql.id(alias)}(${definition})`,
  );
}

/** 64-bit integers go as digits, which is how JSON writes numbers of any size. */
function toJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
