import { MAX_ENTRY_BYTES } from '@keyfleet/contracts';
import type { EventDefinition } from '@keyfleet/contracts/events';
import { canonicalEntry } from '@keyfleet/crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import type { z } from 'zod';
import type { PreparedEvent } from '../storage/port.js';

const LONGEST_ID = `_${'0'.repeat(36)}`;
const HASH = '0'.repeat(64);
/** The longest an envelope can become, so that an entry fits wherever it is chained, now or anew. */
const LONGEST = {
  orgId: `org${LONGEST_ID}`,
  agentId: `agt${LONGEST_ID}`,
  epoch: 2 ** 31,
  seq: Number.MAX_SAFE_INTEGER,
  prev: HASH,
};
const HASH_BYTES = `"hash":"${HASH}",`.length;

/**
 * An event as it may be journaled: data of its closed schema, in an entry of at most 32 KiB. Throws
 * `journal.entry-too-large`; data outside the schema is a fault of ours and throws a ZodError.
 */
export function prepareEvent<Type extends string, S extends z.ZodType>(
  definition: EventDefinition<Type, S>,
  data: z.input<S>,
  at: string,
): PreparedEvent {
  const { type, v } = definition;
  const checked = definition.data.parse(data) as Record<string, unknown>;
  const event = { id: newId('evt'), type, v, at, data: checked };
  const bytes = Buffer.byteLength(canonicalEntry({ ...LONGEST, ...event })) + HASH_BYTES;
  if (bytes > MAX_ENTRY_BYTES) throw new KeyfleetError('journal.entry-too-large');
  return event;
}
