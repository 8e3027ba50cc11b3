import type { z } from 'zod';
import { typeOf, unwrap } from './schema.js';

/** Where a value came from, for messages and for `config print`. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

export function describeOrigin(origin: Origin): string {
  if (origin.kind === 'default') return 'default';
  if (origin.kind === 'file') return `${origin.file}:${origin.line}`;
  return origin.name;
}

/** One thing that is wrong with the configuration. Messages never carry values. */
export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
  readonly origin: Origin;
}

/** A value found in one source. */
export interface Found {
  readonly path: string;
  readonly value: unknown;
  readonly origin: Origin;
}

/** Text from the environment or a flag as the schema wants it; what does not fit stays text, and the schema says so. */
export function fromText(text: string, schema: z.ZodType): unknown {
  const type = typeOf(unwrap(schema));
  if (type === 'number') return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  if (type === 'boolean') return BOOLEANS.get(text.trim().toLowerCase()) ?? text;
  if (type === 'array' || type === 'tuple') return listFromText(text);
  if (type === 'record' || type === 'object') return jsonOr(text, text);
  return text;
}

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
]);

function listFromText(text: string): unknown {
  if (text.trimStart().startsWith('[')) return jsonOr(text, text);
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function jsonOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}
