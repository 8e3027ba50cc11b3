import type { OnStep } from '../postgres/steps.js';

export interface KurrentEventStoreOptions {
  /** `kurrentdb://user:password@host:2113?tls=…`, `kurrentdb+discover://…` or `esdb://…`; never logged. */
  readonly url: string;
  /** Shown in the server's log as the connection's name. */
  readonly name?: string;
  /** A subscription looks at the latest so long after its last look; 1,000 ms by default. */
  readonly pollMs?: number;
  /** A call that is not answered by then is `store.unavailable`; 10,000 ms by default. */
  readonly deadlineMs?: number;
  readonly onStep?: OnStep;
}
