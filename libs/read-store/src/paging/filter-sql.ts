import { type Comparison, type Filter } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import { type RawBuilder, type SqlBool, sql } from 'kysely';

/** How a field of a list compares. What it stands for is an expression of the query, never text of the caller. */
export interface FilterField {
  readonly type: 'text' | 'time' | 'number';
  readonly sql: RawBuilder<unknown>;
  /** Where only these exist; another value is a mistake and no empty answer. */
  readonly values?: readonly string[];
  /** A form of `=` that an index knows. */
  readonly equals?: (value: string) => RawBuilder<SqlBool>;
}

/** The field of this name as the list offers it. */
export type FilterFields = (name: string) => FilterField | undefined;

const ORDERED = new Set(['<', '<=', '>', '>=']);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

function refuse(field: string, message: string): KeyfleetError {
  return new KeyfleetError('filter.invalid', {
    detail: `The filter could not be understood: ${field} ${message}.`,
    errors: [{ pointer: 'query/filter', message: `${field} ${message}` }],
  });
}

/** A filter as a condition that is true or false and never null. Throws `filter.invalid`. */
export function filterSql(filter: Filter, fields: FilterFields): RawBuilder<SqlBool> {
  switch (filter.kind) {
    case 'not':
      return sql<SqlBool>`not ${filterSql(filter.term, fields)}`;
    case 'and':
    case 'or': {
      const terms = filter.terms.map((term) => filterSql(term, fields));
      return sql<SqlBool>`(${sql.join(terms, filter.kind === 'and' ? sql` and ` : sql` or `)})`;
    }
    case 'compare': {
      const field = fields(filter.field);
      if (!field) throw refuse(filter.field, 'is not a field of this list');
      return sql<SqlBool>`coalesce(${compare(filter, field)}, ${filter.comparator === '!='})`;
    }
    default:
      return filter satisfies never;
  }
}

function compare(comparison: Comparison, field: FilterField): RawBuilder<SqlBool> {
  const { field: name, comparator, value } = comparison;
  if (comparator === ':') return contains(comparison, field);
  if (field.type === 'text' && ORDERED.has(comparator)) throw refuse(name, 'has no order; use =, != or :');
  if (field.values && !field.values.includes(value))
    throw refuse(name, `is one of ${field.values.join(', ')}`);
  if (comparator === '=' && field.equals) return field.equals(value);
  return sql<SqlBool>`${field.sql} ${sql.raw(OPERATORS[comparator])} ${operand(name, field, value)}`;
}

/** Our own words; the caller's only choose among them. */
const OPERATORS: Readonly<Record<Exclude<Comparison['comparator'], ':'>, string>> = {
  '=': '=',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

function contains({ field: name, value }: Comparison, field: FilterField): RawBuilder<SqlBool> {
  if (value === '*') return sql<SqlBool>`${field.sql} is not null`;
  if (field.type !== 'text') throw refuse(name, 'is no text; only * can be looked for in it');
  return sql<SqlBool>`position(lower(${value}::text) in lower(${field.sql})) > 0`;
}

function operand(name: string, field: FilterField, value: string): RawBuilder<unknown> {
  if (field.type === 'text') return sql`${value}::text`;
  if (field.type === 'number') {
    if (!/^\d{1,15}$/.test(value)) throw refuse(name, 'is a number');
    return sql`${value}::text::bigint`;
  }
  if (!TIME.test(value) || Number.isNaN(Date.parse(value)))
    throw refuse(name, 'is a time such as "2026-01-31T12:00:00Z"');
  return sql`${value}::text::timestamptz`;
}
