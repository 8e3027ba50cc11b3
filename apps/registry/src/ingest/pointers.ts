import { journalBatch, journalEntry } from '@keyfleet/contracts';
import { VAULT_EVENTS } from '@keyfleet/contracts/events';
import type { z } from 'zod';

const MAX_POINTERS = 20;

interface Inner {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
}

function collect(schema: z.ZodType, names: Set<string>): Set<string> {
  const { shape, element, innerType } = schema._zod.def as unknown as Inner;
  for (const [name, child] of Object.entries(shape ?? {})) collect(child, names.add(name));
  for (const child of [element, innerType]) if (child) collect(child, names);
  return names;
}

/** Every field name our own schemas have; nothing else of a message is ever written down. */
const FIELDS = new Set<string>();
for (const schema of [journalBatch, journalEntry, ...VAULT_EVENTS.map(({ data }) => data)])
  collect(schema, FIELDS);

/**
 * JSON pointers to what a schema refused. They hold field names of the schema and array indexes only: an unknown key
 * could be a value, so it appears as `#<its place>`.
 */
export function pointersOf(error: z.core.$ZodError, value: unknown, prefix = ''): string[] {
  const found = new Set<string>();
  for (const issue of error.issues) {
    const at = prefix + issue.path.map(segment).join('');
    if (issue.code !== 'unrecognized_keys') found.add(at);
    else for (const key of issue.keys) found.add(`${at}/#${placeOf(valueAt(value, issue.path), key)}`);
    if (found.size >= MAX_POINTERS) break;
  }
  return [...found].slice(0, MAX_POINTERS);
}

function segment(part: PropertyKey): string {
  if (typeof part === 'number') return `/${part}`;
  return typeof part === 'string' && FIELDS.has(part) ? `/${part}` : '/#';
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const part of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return found;
}

function placeOf(value: unknown, key: string): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).indexOf(key) : 0;
}
