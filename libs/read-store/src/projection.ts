import type { EventFilter, Position, RecordedEvent } from '@keyfleet/event-store';
import type { Executor } from '@keyfleet/postgres';

/** A change subscribers are told of, in the transaction of the rows: which rows of which organisation moved. */
export interface Change {
  /** `null` where every organisation may see it. */
  readonly orgId: string | null;
  /** Empty where any of them may have changed. */
  readonly ids: readonly string[];
}

/** Where a projection writes: its transaction, and the physical name behind each of its tables in the version it builds. */
export interface ProjectionContext {
  readonly tx: Executor;
  /** `registry.agents` → `registry.agents_v2`; TypeError for a table the projection does not have. */
  table(name: string): string;
}

/**
 * One question's read model: which events it follows and how a batch of them changes its tables.
 * The same events again must change nothing. It uses only its arguments and pure functions: no clock, no network,
 * no other projection's tables.
 */
export interface Projection {
  /** `<context>.<question>`, in lower case; also the name in checkpoints, the change feed and metrics. */
  readonly name: string;
  /** Raised when the tables or their meaning change: a new version is built beside the old one, then switched to. */
  readonly version: number;
  readonly filter: EventFilter;
  /** Categories of whose streams it needs only the newest event of each type in a batch; the store may spare it the others. */
  readonly newestOf?: readonly string[];
  readonly tables: readonly ProjectionTable[];
  /** Runs in the transaction that also moves the checkpoint. Events ascend by position; none is of a parked stream. */
  apply(events: readonly RecordedEvent[], context: ProjectionContext): Promise<readonly Change[]>;
}

export interface ProjectionTable {
  /** Logical name with its schema; queries use it, it is a view of the current version. */
  readonly name: string;
  /** DDL of one version, given its physical name; run once by the migrator as owner. */
  readonly create: (physicalName: string) => string;
}

/** What `NOTIFY keyfleet_changed` carries, as JSON. */
export interface ChangeNotice {
  readonly readModel: string;
  readonly orgId: string | null;
  /** Empty where any of them may have changed. */
  readonly ids: readonly string[];
  /** How far the read model is; `null` where it follows no position. */
  readonly position: Position | null;
}

/** Physical table of a version. */
export function physicalName(table: string, version: number): string {
  return `${table}_v${version}`;
}
