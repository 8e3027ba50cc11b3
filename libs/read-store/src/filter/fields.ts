import type { RawBuilder, SqlBool } from 'kysely';

/** How a field of a list compares. What it stands for is an expression of the query, never text of the caller. */
export interface FilterField {
  readonly type: 'text' | 'time' | 'number';
  readonly sql: RawBuilder<unknown>;
  /** Where only these exist; another value is a mistake and no empty answer. */
  readonly values?: readonly string[];
  /** A form of `=` that an index knows. */
  readonly equals?: (value: string) => RawBuilder<SqlBool>;
}

/** The fields a list offers: nothing else can be asked. A `Map` of them will do. */
export interface FilterFields {
  get(name: string): FilterField | undefined;
  /** Their names, for who mistyped one. */
  keys(): Iterable<string>;
}
