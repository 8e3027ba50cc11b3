import { hash } from 'node:crypto';
import type { JournalEntry } from '@keyfleet/contracts';
import { canonicalJson } from './canonical.js';

export type UnhashedEntry = Omit<JournalEntry, 'hash'>;

/** The canonical JSON of an entry without its hash: what is hashed, and what the limit of 32 KiB is about. */
export function canonicalEntry(entry: UnhashedEntry): string {
  return (
    `{"agentId":${canonicalJson(entry.agentId)},"at":${canonicalJson(entry.at)}` +
    `,"data":${canonicalJson(entry.data)},"epoch":${canonicalJson(entry.epoch)}` +
    `,"id":${canonicalJson(entry.id)},"orgId":${canonicalJson(entry.orgId)}` +
    `,"prev":${canonicalJson(entry.prev)},"seq":${canonicalJson(entry.seq)}` +
    `,"type":${canonicalJson(entry.type)},"v":${canonicalJson(entry.v)}}`
  );
}

/** SHA-256 (hex) of a text in UTF-8. */
export function sha256Hex(text: string): string {
  return hash('sha256', text);
}

/** The entry with the hash that links it to the one before and to everything in it. */
export function chainEntry(entry: UnhashedEntry): JournalEntry {
  return { ...entry, hash: sha256Hex(canonicalEntry(entry)) };
}
