import type { JournalEntry } from '@keyfleet/contracts';

/** A place in a journal: the entry that stands there and everything before it. */
export interface JournalPosition {
  readonly epoch: number;
  /** 0: before the first entry of the epoch; the hash is then the epoch's first `prev`. */
  readonly seq: number;
  readonly hash: string;
}

/**
 * What the link may do with the vault's journal. Entries come into being inside the vault only, in the transaction of
 * the change they tell of. Before enrolment there is no epoch: positions have epoch 0, seq 0 and nothing is pending;
 * what was recorded meanwhile is chained by `identify`.
 *
 * Methods are synchronous; those that write throw `vault.degraded` where the disk refuses, and change nothing then.
 */
export interface Journal {
  /** The newest entry of the current epoch. */
  head(): JournalPosition;
  /** The watermark believed so far, always in the current epoch. */
  acknowledged(): JournalPosition;
  /** Oldest entry of the current epoch still kept, acknowledged ones included; `null` where there is none. */
  oldestSeq(): number | null;
  /** `prev` of that entry. */
  oldestPrev(): string | null;
  /** Entries after the watermark (or after seq `after`), in order; at least one where there is one. */
  pending(limit: { entries: number; bytes: number }, after?: number): JournalEntry[];
  /** False, and nothing changes, where the own journal does not have that hash there. A lower watermark changes nothing. */
  acknowledge(watermark: JournalPosition): boolean;
  /** The control plane was restored: send again from a lower watermark. False where the own journal does not reach it. */
  rewind(watermark: { seq: number; hash: string }): boolean;
  /**
   * Goes on in a new epoch. Entries from `rechainFrom` on move there with the same ids as seq 1…; those before it are
   * committed and stay behind, acknowledged. There may be none from there on yet. Throws RangeError unless the epoch is
   * higher.
   */
  startEpoch(next: { epoch: number; prev: string; rechainFrom: number }): void;
  /** At enrolment. The same identity again is a no-op; after a new enrolment what was not acknowledged is chained anew. */
  identify(identity: { orgId: string; agentId: string; epoch: number; prev: string }): void;
  /**
   * Called after commit whenever there may be something new to send; what a listener throws becomes a warning of the
   * process. Returns the way to stop listening.
   */
  onAppend(listener: () => void): () => void;
  /** Drops acknowledged entries older than 7 days or beyond 256 MiB. `now` in milliseconds since the epoch. */
  prune(now: number): void;
}
