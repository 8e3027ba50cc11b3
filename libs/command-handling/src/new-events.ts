import { IDENTITY_EVENTS, POLICY_EVENTS, REGISTRY_EVENTS } from '@keyfleet/contracts/events';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import type { NewEvent } from '@keyfleet/event-store';
import { type DomainEvent, toTimestamp } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import type { z } from 'zod';

/** Schemas of every fact that a command may lead to, by type and version. */
const SCHEMAS: ReadonlyMap<string, z.ZodType> = new Map(
  [...IDENTITY_EVENTS, ...REGISTRY_EVENTS, ...POLICY_EVENTS].map(({ type, v, data }) => [
    `${type} v${v}`,
    data,
  ]),
);

export interface Envelope {
  readonly stream: string;
  /** Revision of the first of them. */
  readonly next: bigint;
  readonly orgId: string;
  readonly meta: Pick<CommandMeta, 'commandId' | 'actor' | 'correlationId' | 'traceparent' | 'bodyHash'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Facts as they go into the store, each checked against its published schema. The same facts of the same command at the
 * same revision get the same ids, so that an append whose answer was lost can be sent again; the data is part of it,
 * because one command sent twice in parallel may have made two secrets, and only one of them is stored.
 */
export function toNewEvents(facts: readonly DomainEvent[], envelope: Envelope): NewEvent[] {
  const { stream, next, orgId, meta, now } = envelope;
  const metadata = {
    orgId,
    actor: meta.actor,
    at: toTimestamp(now),
    correlationId: meta.correlationId,
    causationId: meta.commandId,
    ...(meta.traceparent !== undefined && { traceparent: meta.traceparent }),
    ...(meta.bodyHash !== undefined && { bodyHash: meta.bodyHash }),
  };
  return facts.map((fact, index) => {
    const schema = SCHEMAS.get(`${fact.type} v${fact.v}`);
    if (!schema) throw new TypeError(`${fact.type} v${fact.v} is not in the catalogue`);
    const revision = String(next + BigInt(index));
    const data = schema.parse(fact.data);
    const id = deriveId('evt', meta.commandId, stream, revision, JSON.stringify(data));
    return { ...fact, data, id, metadata };
  });
}
