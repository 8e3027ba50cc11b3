import type { DomainEvent } from '@keyfleet/kernel';
import type { z } from 'zod';
import { secretFields } from '../classification.js';

export interface EventDefinition<Type extends string, S extends z.ZodType> {
  readonly type: Type;
  readonly v: number;
  readonly data: S;
}

/** The event a definition describes. */
export type EventOf<D> =
  D extends EventDefinition<infer Type, infer S>
    ? DomainEvent<Type, z.infer<S>> & { readonly type: Type }
    : never;

/** Declares one version of one event; throws at load where a field is secret or unclassified. */
export function defineEvent<Type extends string, S extends z.ZodType>(
  type: Type,
  v: number,
  data: S,
): EventDefinition<Type, S> {
  const refused = secretFields(data);
  if (refused.length > 0)
    throw new TypeError(`${type} v${v}: not allowed on an event: ${refused.join(', ')}`);
  return { type, v, data };
}

/** Makes the event of a definition; the data is the schema's type and is not parsed again. */
export function make<Type extends string, S extends z.ZodType>(
  definition: EventDefinition<Type, S>,
  data: z.infer<S>,
): DomainEvent<Type, z.infer<S>> & { readonly type: Type } {
  return { type: definition.type, v: definition.v, data };
}
