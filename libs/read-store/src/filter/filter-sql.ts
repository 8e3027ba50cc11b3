import { type Comparison, type Filter, placeOf, timestamp } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { FilterField, FilterFields } from './fields.js';
import { nearest } from './nearest.js';

/**
 * A filter as a condition that is true or false and never null. Throws `filter.invalid` with the character where it
 * went wrong and, for an unknown field, the one that is most like it.
 */
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
      const field = fields.get(filter.field);
      if (!field) throw unknownField(filter, fields);
      return sql<SqlBool>`coalesce(${compare(filter, field)}, ${filter.comparator === '!='})`;
    }
    default:
      return filter satisfies never;
  }
}

const ORDERED = new Set(['<', '<=', '>', '>=']);

function compare(comparison: Comparison, field: FilterField): RawBuilder<SqlBool> {
  const { comparator, value } = comparison;
  if (comparator === ':') return contains(comparison, field);
  if (field.type === 'text' && ORDERED.has(comparator))
    throw refuse(comparison, 'has no order; use =, != or :');
  if (field.values && !field.values.includes(value))
    throw refuse(comparison, `is one of ${field.values.join(', ')}`);
  if (comparator === '=' && field.equals) return field.equals(value);
  return sql<SqlBool>`${field.sql} ${sql.raw(OPERATORS[comparator])} ${operand(comparison, field)}`;
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

function contains(comparison: Comparison, field: FilterField): RawBuilder<SqlBool> {
  const { value } = comparison;
  if (value === '*') return sql<SqlBool>`${field.sql} is not null`;
  if (field.type !== 'text') throw refuse(comparison, 'is no text; only * can be looked for in it');
  return sql<SqlBool>`position(lower(${value}::text) in lower(${field.sql})) > 0`;
}

/** Casts are of text, so that a parameter is what the caller wrote and the type is what the field is. */
function operand(comparison: Comparison, { type }: FilterField): RawBuilder<unknown> {
  const { value } = comparison;
  switch (type) {
    case 'text':
      return sql`${value}::text`;
    case 'number':
      if (!/^\d{1,15}$/.test(value)) throw refuse(comparison, 'is a number');
      return sql`${value}::text::bigint`;
    case 'time':
      if (!timestamp.safeParse(value).success)
        throw refuse(comparison, 'is a time such as "2026-01-31T12:00:00Z"');
      return sql`${value}::text::timestamptz`;
    default:
      return type satisfies never;
  }
}

function unknownField(comparison: Comparison, fields: FilterFields): KeyfleetError {
  const names = [...fields.keys()];
  const like = nearest(comparison.field, names);
  const hint = like ? `did you mean ${like}?` : `there are ${names.sort().join(', ')}`;
  return refuse(comparison, `is not a field of this list; ${hint}`, like);
}

function refuse(comparison: Comparison, message: string, like?: string): KeyfleetError {
  const place = placeOf(comparison);
  const where = place === undefined ? '' : ` at character ${place + 1}`;
  return new KeyfleetError('filter.invalid', {
    detail: `The filter could not be understood${where}: ${comparison.field} ${message}.`.replace(
      /\?\.$/,
      '?',
    ),
    errors: [{ pointer: 'query/filter', message: `${comparison.field} ${message}` }],
    extensions: {
      ...(place === undefined ? {} : { position: place + 1 }),
      ...(like === undefined ? {} : { nearest: like }),
    },
  });
}
