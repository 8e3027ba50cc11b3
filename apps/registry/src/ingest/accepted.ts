import { VAULT_EVENTS } from '@keyfleet/contracts/events';
import type { z } from 'zod';

/** Schemas of what agents may journal, by type and version. */
const SCHEMAS = new Map<string, Map<number, z.ZodType>>();
for (const { type, v, data } of VAULT_EVENTS) {
  const versions = SCHEMAS.get(type) ?? new Map<number, z.ZodType>();
  versions.set(v, data);
  SCHEMAS.set(type, versions);
}

/** Told to agents by sync, so that they hold back what this control plane does not know yet. */
export const ACCEPTED_EVENTS: Readonly<Record<string, number[]>> = Object.fromEntries(
  [...SCHEMAS].map(([type, versions]) => [type, [...versions.keys()]]),
);

export function schemaOf(type: string, v: number): z.ZodType | 'unknown-type' | 'unknown-version' {
  const versions = SCHEMAS.get(type);
  if (!versions) return 'unknown-type';
  return versions.get(v) ?? 'unknown-version';
}
