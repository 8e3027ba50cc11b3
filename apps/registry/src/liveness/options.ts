import type { EventStore } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import type { OnDropped } from '@keyfleet/messaging';
import type { Logger, Metrics } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Flushed } from './beats/flusher.js';
import type { Pace } from './pace.js';
import type { Swept } from './silence/sweeper.js';
import type { BrokerNode } from './watch/canary.js';
import type { Look } from './watch/watcher.js';

/** What was just done; tests wait for these instead of for time. */
export type LivenessStep =
  | ({ readonly kind: 'flushed' } & Flushed)
  | ({ readonly kind: 'watched' } & Look)
  | ({ readonly kind: 'swept' } & Swept)
  | { readonly kind: 'failed'; readonly what: Work; readonly error: unknown };

export type Work = 'flush' | 'watch' | 'record';

export interface LivenessOptions {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly nats: NatsConnection;
  /** One way into each node of the broker's cluster; the connection above alone where there is one node. */
  readonly nodes?: readonly BrokerNode[];
  readonly clock: Clock;
  /** `ins_…` */
  readonly installationId: string;
  /** This process; a restart may keep it. Letters, digits, dash and underscore, at most 64. */
  readonly replicaId: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics?: Metrics;
  readonly onStep?: (step: LivenessStep) => void;
  readonly onDropped?: OnDropped;
  readonly failpoint?: (name: string) => Promise<void>;
  readonly pace?: Pace;
  /** How long this replica waits for its own canaries before it looks; default 500 ms. */
  readonly canaryWaitMs?: number;
  /** False where the caller takes each step itself. */
  readonly loops?: boolean;
}

export interface Liveness {
  /** For `/readyz`: why silence would not be noticed now, if so. */
  check(): string | undefined;
  readonly covered: boolean;
  /** Agents with beats that are not written yet. */
  readonly waiting: number;
  /** One turn of a loop, for whoever runs without them: writes beats. */
  flush(): Promise<void>;
  /** The other: sends canaries, flushes, counts covered time, and where it was this replica's turn, sweeps. */
  watch(): Promise<void>;
  /** Resolves when what flushes and watches began has ended. */
  idle(): Promise<void>;
  /** Takes no more beats, writes those at hand and leaves the others to it. */
  close(): Promise<void>;
}
