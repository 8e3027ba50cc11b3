import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { NaiveStore, type OrderedStore } from './naive-store.js';

/** Each child is told this as JSON in `KEYFLEET_PROOF`, its URL by `url` messages over the channel. */
export interface WriterSettings {
  readonly driver: Driver;
  /** Unique per process and life; part of its streams' names. */
  readonly name: string;
  readonly seed: number;
  readonly writers: number;
  /** Appends a writer has under way at a time, each to a stream of its own. */
  readonly depth: number;
}

export interface ReaderSettings {
  readonly driver: Driver;
  readonly seed: number;
  readonly readers: readonly ReaderPlan[];
}

export interface ReaderPlan {
  readonly name: string;
  /** Only these; everything by default. */
  readonly types?: readonly string[];
  /** Begins where the log is when it is told to; at the beginning by default. */
  readonly late?: boolean;
  /** Leaves and resumes from its last position, over and over. */
  readonly leaves?: boolean;
  /** Takes small batches and its time. */
  readonly slow?: boolean;
}

export type Driver = 'postgres' | 'naive';

/** To a writer. `pace` is appends a second of the whole process; null is as fast as it goes. */
export type WriterOrder =
  | { readonly url: string }
  | { readonly pace: number | null }
  | { readonly stop: true };

/** From a writer: the position and the number of every event whose append was acknowledged since the last message. */
export interface WriterNews {
  readonly acks: readonly (readonly [position: number, id: number])[];
  readonly conflicts: number;
  /** Appends whose transaction was undone by the server; sent again afterwards. */
  readonly undone: number;
  /** An expectation that was wrong on purpose and was not refused. */
  readonly wronglyTaken: number;
  readonly stopped?: true;
}

/** To the readers: follow the store at this URL, from where each is; or say what each has seen. */
export type ReaderOrder = { readonly url: string } | { readonly start: string } | { readonly tell: true };

export interface ReaderState {
  readonly name: string;
  /** Exclusive: where it began. */
  readonly from: number;
  readonly position: number;
  readonly events: number;
  readonly resumed: number;
  /** Seen twice, or after a later one. */
  readonly unordered: number;
  /** `recordedAt` below that of the event before. */
  readonly backwards: number;
  /** Since the last report: the longest time between two batches. */
  readonly longestGapMs: number;
  /** Age of the newest event when it was seen. */
  readonly lagMs: number;
  /** Over the ids in the order seen. */
  readonly digest: string;
  /** A bit per position seen, in base64; only in answer to `tell`. */
  readonly seen?: string;
}

/** A number of 52 bits stands for an id of 128: the rest is time. */
export function idNumber(id: string): number {
  const digits = id.slice(-16).replace('-', '');
  return Number.parseInt(digits.slice(-13), 16);
}

/** Of events that must never be seen: their expectation was wrong, or their transaction was rolled back. */
export const NEVER = 'Never';
export const RARE = 'Rare';

export function openStore(driver: Driver, url: string, name: string): OrderedStore {
  return driver === 'naive' ? new NaiveStore(url) : createPostgresEventStore({ url, name });
}
