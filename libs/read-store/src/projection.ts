import type { EventFilter, Position, RecordedEvent } from '@keyfleet/event-store';
import type { Transaction } from 'kysely';

/** A change subscribers are told of, in the transaction of the rows: which rows of which organisation moved. */
export interface Change {
  /** `null` where every organisation may see it. */
  readonly orgId: string | null;
  readonly ids: readonly string[];
}

/**
 * One question's read model: which events it follows and how a batch of them changes its tables.
 * `apply` runs in the transaction that also moves the checkpoint; the same events again must change nothing.
 * It uses only `tx`, its arguments and pure functions: no clock, no network, no other projection's tables.
 */
export interface Projection<Tables> {
  /** `<context>.<question>`, in lower case; also the name in checkpoints, the change feed and metrics. */
  readonly name: string;
  /** Raised when the tables or their meaning change: a new version is built beside the old one. */
  readonly version: number;
  readonly filter: EventFilter;
  /** Events in ascending position, all of this projection's filter, none of a parked stream. */
  apply(events: readonly RecordedEvent[], tx: Transaction<Tables>): Promise<readonly Change[]>;
  /** Creates the tables of this version where they are missing (run by the migrator as owner, and by a rebuild). */
  readonly tables: readonly string[];
}

/** What `NOTIFY keyfleet_changed` carries, as JSON. `position` lets a reader know how far the rows are. */
export interface ChangeNotice {
  readonly readModel: string;
  readonly orgId: string | null;
  readonly ids: readonly string[];
  readonly position: Position;
}
