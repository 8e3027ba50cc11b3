import type { z } from 'zod';

/** One setting: a place in the schema that takes a value of its own. */
export interface Setting {
  /** `database.storeUrl` */
  readonly path: string;
  /** `KEYFLEET_DATABASE__STORE_URL` */
  readonly env: string;
  /** `--database.store-url` */
  readonly flag: string;
  readonly schema: z.ZodType;
  readonly classification: string | undefined;
}

interface Inner {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

export const ENV_PREFIX = 'KEYFLEET_';

/** Every setting of a schema; unions of objects give the settings of all their members. */
export function settingsOf(schema: z.ZodType): Setting[] {
  const found = new Map<string, Setting>();
  collect(schema, [], undefined, found);
  return [...found.values()];
}

function collect(
  schema: z.ZodType,
  path: readonly string[],
  inherited: string | undefined,
  found: Map<string, Setting>,
): void {
  const classification = classificationOf(schema) ?? inherited;
  const shapes = shapesOf(schema);
  if (shapes.length === 0) {
    const key = path.join('.');
    if (!found.has(key)) found.set(key, describeSetting(path, schema, classification));
    return;
  }
  for (const shape of shapes)
    for (const [key, inner] of Object.entries(shape)) collect(inner, [...path, key], classification, found);
}

function describeSetting(
  path: readonly string[],
  schema: z.ZodType,
  classification: string | undefined,
): Setting {
  return {
    path: path.join('.'),
    env: ENV_PREFIX + path.map((part) => words(part).join('_').toUpperCase()).join('__'),
    flag: `--${path.map((part) => words(part).join('-')).join('.')}`,
    schema,
    classification,
  };
}

function words(camelCase: string): string[] {
  return camelCase
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(' ');
}

/** Follows optional, default, nullable, readonly and pipe to what the value is. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const def = schema._zod.def as unknown as Inner;
  const inner = def.innerType ?? def.in;
  return inner ? unwrap(inner) : schema;
}

export function typeOf(schema: z.ZodType): string {
  return schema._zod.def.type;
}

/** The object shapes a schema allows; none means that it is a value. */
export function shapesOf(schema: z.ZodType): Record<string, z.ZodType>[] {
  const def = unwrap(schema)._zod.def as unknown as Inner;
  if (def.shape) return [def.shape];
  const members = (def.options ?? []).map(shapesOf);
  return members.length > 0 && members.every((shapes) => shapes.length > 0) ? members.flat() : [];
}

/** The sections a configuration has even when nothing is set: optional and defaulted ones are left to the schema. */
export function emptySections(schema: z.ZodType): Record<string, unknown> | undefined {
  if (typeOf(schema) !== 'object') return undefined;
  const [shape = {}] = shapesOf(schema);
  const inner = Object.entries(shape).map(([key, part]) => [key, emptySections(part)] as const);
  return Object.fromEntries(inner.filter(([, section]) => section !== undefined));
}

function classificationOf(schema: z.ZodType): string | undefined {
  const own = schema.meta()?.['classification'];
  if (typeof own === 'string') return own;
  const def = schema._zod.def as unknown as Inner;
  const inner = def.innerType ?? def.in;
  return inner ? classificationOf(inner) : undefined;
}
