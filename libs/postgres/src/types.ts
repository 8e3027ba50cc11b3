import type postgres from 'postgres';
import { formatArray, parseArray } from './arrays.js';

/** What a parameter may be beside the usual. */
export type Types = { bigint: bigint };

interface ScalarType {
  readonly oids: readonly number[];
  readonly parse: (text: string) => unknown;
  readonly format: (value: unknown) => string;
}

const asText = (text: string): string => text;

/** `2026-01-01 00:00:00.123456+00` as the server writes it becomes RFC 3339 UTC, with all its digits. */
function parseTimestamp(text: string): string {
  return text.endsWith('+00') ? `${text.slice(0, 10)}T${text.slice(11, -3)}Z` : text;
}

function formatTimestamp(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/**
 * 64-bit integers are bigint. Times are text: a `Date` has no microseconds, and a keyset cursor or a checkpoint
 * that loses them skips or repeats rows. The client's own types stay for the rest.
 */
const SCALARS = {
  bigint: { oids: [20], parse: BigInt, format: String },
  date: { oids: [1184], parse: parseTimestamp, format: formatTimestamp },
  calendar: { oids: [1082, 1114], parse: asText, format: String },
} satisfies Record<string, ScalarType>;

const number: Omit<ScalarType, 'oids'> = { parse: Number, format: String };
const text: Omit<ScalarType, 'oids'> = { parse: asText, format: String };
const json: Omit<ScalarType, 'oids'> = { parse: (raw) => JSON.parse(raw), format: JSON.stringify };

/** Array types by number, what their elements are, and the number of the element type. */
const ARRAYS: readonly (readonly [array: number, element: number, type: Omit<ScalarType, 'oids'>])[] = [
  [1000, 16, { parse: (raw) => raw === 't', format: (value) => (value ? 't' : 'f') }],
  [1003, 19, text],
  [1005, 21, number],
  [1007, 23, number],
  [1009, 25, text],
  [1015, 1043, text],
  [1016, 20, SCALARS.bigint],
  [1021, 700, number],
  [1022, 701, number],
  [1115, 1114, text],
  [1182, 1082, text],
  [1185, 1184, SCALARS.date],
  [1231, 1700, text],
  [2951, 2950, text],
  [199, 114, json],
  [3807, 3802, json],
];

export const TYPES: Record<string, postgres.PostgresType> = {
  ...Object.fromEntries(
    Object.entries(SCALARS).map(([name, { oids, parse, format }]) => [
      name,
      { to: Number(oids[0]), from: [...oids], serialize: format, parse },
    ]),
  ),
  ...Object.fromEntries(
    ARRAYS.map(([oid, , { parse, format }]) => [
      `array${oid}`,
      {
        to: oid,
        from: [oid],
        serialize: (value: unknown) => (Array.isArray(value) ? formatArray(value, format) : value),
        parse: (raw: string) => parseArray(raw, parse),
      },
    ]),
  ),
};

/**
 * Tells the client which array holds which element, for `sql.array`. It would ask the server on each new connection,
 * and a connection lost meanwhile is a rejection nobody can catch.
 */
export function knowArrays(sql: postgres.Sql<Types>): void {
  const { shared } = sql.options as unknown as { shared: { typeArrayMap: Record<number, number> } };
  for (const [array, element] of ARRAYS) shared.typeArrayMap[element] = array;
}
