import type { z } from 'zod';

/**
 * How far a field may travel. `public` may be shown to anyone who may see the thing, `sensitive` stays inside the
 * organisation and out of logs and metrics, `secret` may never stand on an event. Unclassified means secret.
 */
export type Classification = 'public' | 'sensitive' | 'secret';

/** Marks a schema, and everything inside it that is not marked otherwise, as public. */
export function open<S extends z.ZodType>(schema: S): S {
  return schema.meta({ ...schema.meta(), classification: 'public' }) as S;
}

/** Marks a schema, and everything inside it that is not marked otherwise, as sensitive. */
export function sensitive<S extends z.ZodType>(schema: S): S {
  return schema.meta({ ...schema.meta(), classification: 'sensitive' }) as S;
}

/** Marks a schema as secret: for requests that carry passwords, tokens or values. */
export function secret<S extends z.ZodType>(schema: S): S {
  return schema.meta({ ...schema.meta(), classification: 'secret' }) as S;
}

interface Inner {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly valueType?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly items?: readonly z.ZodType[];
}

function ownClass(schema: z.ZodType): Classification | undefined {
  return schema.meta()?.['classification'] as Classification | undefined;
}

function children(schema: z.ZodType): [string, z.ZodType][] {
  const def = schema._zod.def as unknown as Inner;
  if (def.shape) return Object.entries(def.shape);
  if (def.element) return [['*', def.element]];
  if (def.innerType) return [['', def.innerType]];
  if (def.options) return def.options.map((option) => ['', option]);
  if (def.items) return def.items.map((item, index) => [String(index), item]);
  if (def.keyType && def.valueType)
    return [
      ['{key}', def.keyType],
      ['{value}', def.valueType],
    ];
  return [];
}

/** Every leaf of a schema with its class, by JSON pointer (`*` for array elements). */
export function classify(
  schema: z.ZodType,
  inherited: Classification = 'secret',
  at = '',
): Map<string, Classification> {
  const own = ownClass(schema) ?? inherited;
  const inner = children(schema);
  if (inner.length === 0) return new Map([[at, own]]);
  const leaves = new Map<string, Classification>();
  for (const [name, child] of inner) {
    const path = name === '' ? at : `${at}/${name}`;
    for (const [leaf, found] of classify(child, own, path)) {
      // Two options of a union at one place: the stricter class holds.
      if (leaves.get(leaf) !== 'secret') leaves.set(leaf, found);
    }
  }
  return leaves;
}

/** The places a schema may not have on an event; empty is good. */
export function secretFields(schema: z.ZodType): string[] {
  return [...classify(schema)].filter(([, found]) => found === 'secret').map(([path]) => path);
}
