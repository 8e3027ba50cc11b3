import type { OnStep } from './steps.js';

export interface PostgresEventStoreOptions {
  /** `postgres://kf_store:…@host/database`; never logged. */
  readonly url: string;
  /** Where hints are listened for; by default the same. A pooler that shares connections needs a direct one here. */
  readonly listenUrl?: string;
  /** Shown in pg_stat_activity, with the kind of connection behind it. */
  readonly name?: string;
  /** Connections for reading and subscriptions; 4 by default. Appends have two of their own. */
  readonly readConnections?: number;
  /** A subscription looks at the latest so long after its last look; 1,000 by default. */
  readonly pollMs?: number;
  /** Bytes of appends that may wait for the server before `store.unavailable`; 64 MiB by default. */
  readonly maxWaitingBytes?: number;
  readonly onStep?: OnStep;
}
