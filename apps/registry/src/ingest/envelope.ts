import { type JournalEntry, journalEntry, MAX_EPOCH } from '@keyfleet/contracts';
import { isId } from '@keyfleet/kernel';
import type { z } from 'zod';

const FIELDS = Object.keys(journalEntry.shape).length;
/** Days every month has: the others are left to the schema. */
const COMMON_TIME =
  /^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const TYPE = /^[A-Z][A-Za-z]{2,63}$/;
const HEX_64 = /^[0-9a-f]{64}$/;

export type Envelope =
  | { readonly ok: true; readonly entry: JournalEntry }
  | { readonly ok: false; readonly error: z.core.$ZodError };

/**
 * What `journalEntry` says of an entry. Nearly every entry is as agents write them, and for those a few comparisons
 * say yes; whatever they do not say yes to goes to the schema. The entry itself is given back, not a copy: the hash is
 * of what came, and what came is stored.
 */
export function readEnvelope(entry: object): Envelope {
  if (isOrdinary(entry as Record<string, unknown>)) return { ok: true, entry: entry as JournalEntry };
  const parsed = journalEntry.safeParse(entry);
  return parsed.success ? { ok: true, entry: entry as JournalEntry } : { ok: false, error: parsed.error };
}

/** Never true for anything the schema refuses. */
export function isOrdinary(entry: Record<string, unknown>): boolean {
  const { id, orgId, agentId, at, type, data } = entry;
  return (
    Object.keys(entry).length === FIELDS &&
    isId('evt', id) &&
    isId('org', orgId) &&
    isId('agt', agentId) &&
    hasOrdinaryNumbers(entry) &&
    matches(TYPE, type) &&
    matches(COMMON_TIME, at) &&
    matches(HEX_64, entry['prev']) &&
    matches(HEX_64, entry['hash']) &&
    isOrdinaryData(data)
  );
}

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function hasOrdinaryNumbers({ epoch, seq, v }: Record<string, unknown>): boolean {
  return within(epoch, MAX_EPOCH) && within(seq, Number.MAX_SAFE_INTEGER) && within(v, 1_000);
}

function within(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

/** Keys are JSON's own here, so there are no symbols and no getters. */
function isOrdinaryData(data: unknown): boolean {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return false;
  for (const key in data) if (key.length > 200) return false;
  return true;
}
