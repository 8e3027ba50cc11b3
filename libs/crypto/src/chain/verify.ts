import { canonicalJson } from './canonical.js';
import { sha256Hex } from './entry.js';

/** SHA-256 (lower-case hex) over the canonical JSON of an entry; a `hash` it carries already is not part of it. */
export function hashEntry(entry: object): string {
  const { hash: _own, ...hashed } = entry as { hash?: unknown };
  return sha256Hex(canonicalJson(hashed));
}

/** Anything chained: `prev` is the hash of the entry before, `hash` covers everything else in the entry. */
export interface ChainedEntry {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

export type ChainVerdict<Entry> =
  | { readonly intact: true; readonly seq: number; readonly hash: string }
  | { readonly intact: false; readonly entry: Entry; readonly broken: 'seq' | 'prev' | 'hash' };

/**
 * Checks entries against the place before them: numbers without holes, links and hashes. The verdict names the first
 * entry that does not hold, or the last place of an intact chain.
 */
export function verifyChain<Entry extends ChainedEntry>(
  entries: Iterable<Entry>,
  before: { readonly seq: number; readonly hash: string },
): ChainVerdict<Entry> {
  let { seq, hash } = before;
  for (const entry of entries) {
    if (entry.seq !== seq + 1) return { intact: false, entry, broken: 'seq' };
    if (entry.prev !== hash) return { intact: false, entry, broken: 'prev' };
    if (hashEntry(entry) !== entry.hash) return { intact: false, entry, broken: 'hash' };
    ({ seq, hash } = entry);
  }
  return { intact: true, seq, hash };
}
