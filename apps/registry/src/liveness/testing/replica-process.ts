import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { testTime } from '@keyfleet/platform';
import { createSql } from '@keyfleet/postgres';
import { connect } from '@nats-io/transport-node';
import { startLiveness } from '../liveness.js';

export interface ReplicaProcessOptions {
  readonly workerUrl: string;
  readonly storeUrl: string;
  readonly natsUrl: string;
  readonly installationId: string;
  readonly replicaId: string;
  readonly factor: number;
  readonly beganAt: number;
}

/** One registry replica as a process of its own, to be killed and frozen; tells its parent of each look it took. */
async function runReplica(options: ReplicaProcessOptions): Promise<void> {
  const { workerUrl, storeUrl, natsUrl, installationId, replicaId, factor, beganAt } = options;
  const time = testTime({ factor, beganAt });
  const nats = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const say = (text: string) => process.stderr.write(`${replicaId} ${text}\n`);
  await startLiveness({
    sql: createSql({ url: workerUrl, applicationName: replicaId, max: 4 }),
    store: createPostgresEventStore({ url: storeUrl, name: replicaId }),
    nats,
    installationId,
    replicaId,
    canaryWaitMs: 50,
    logger: { info: () => {}, warn: () => {}, error: (...told: unknown[]) => say(JSON.stringify(told)) },
    onStep: (step) => {
      if (step.kind === 'watched') process.send?.({ watching: step.detection.coverage.watching });
    },
    clock: time.clock,
    pace: time,
  });
  process.once('disconnect', () => process.exit(0));
}

await runReplica(JSON.parse(process.env.REPLICA ?? '{}') as ReplicaProcessOptions);
