/**
 * Canonical JSON (RFC 8785) of a value that came from JSON: numbers as ECMAScript writes them, members in the order of
 * their UTF-16 units, no space. Throws TypeError for what JSON cannot hold (undefined, NaN, a lone surrogate) and
 * RangeError where it is nested deeper than `MAX_DEPTH`.
 *
 * Written out by hand because every journal entry passes here twice: it is four times as fast as a general serialiser
 * that allows for cycles and toJSON.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/** No message of ours nests half as deep; a hostile one must not exhaust the stack. */
const MAX_DEPTH = 64;

/** Plain text needs no escaping and no surrogate check. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no such number');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH) throw new RangeError('nested too deep for canonical JSON');
      return Array.isArray(value) ? list(value, depth) : members(value as Record<string, unknown>, depth);
    default:
      throw new TypeError('not a JSON value');
  }
}

function text(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new TypeError('canonical JSON has no lone surrogates');
  return JSON.stringify(value);
}

function list(value: readonly unknown[], depth: number): string {
  let out = '[';
  for (let index = 0; index < value.length; index += 1)
    out += (index === 0 ? '' : ',') + write(value[index], depth + 1);
  return `${out}]`;
}

function members(value: Record<string, unknown>, depth: number): string {
  const keys = Object.keys(value);
  if (!sorted(keys)) keys.sort();
  let out = '{';
  for (const key of keys) out += `${out.length === 1 ? '' : ','}${text(key)}:${write(value[key], depth + 1)}`;
  return `${out}}`;
}

/** What was written canonically comes back in order; then the sort is saved. */
function sorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index += 1)
    if ((keys[index - 1] as string) > (keys[index] as string)) return false;
  return true;
}
