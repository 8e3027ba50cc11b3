import { setTimeout as delay } from 'node:timers/promises';
import type { JournalReply } from '@keyfleet/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BenchAgent, BenchFleet } from './fleet.js';

const TIMEOUT_MS = 30_000;
export const BATCH = 100;

export interface Sender {
  readonly agent: BenchAgent;
  readonly connection: NatsConnection;
}

/** As an agent does it: what is not taken yet is sent again. */
export async function send({ agent, connection }: Sender, batch: Uint8Array): Promise<void> {
  for (;;) {
    const answer = await connection.request(agent.subject, batch, { timeout: TIMEOUT_MS });
    const reply = answer.json<JournalReply>();
    if ('hash' in reply) return;
    if (!('retryAfterMs' in reply)) throw new Error(`ingest answered ${JSON.stringify(reply)}`);
    await delay(reply.retryAfterMs);
  }
}

/** Each sends a batch at its turn, so many events a second in all, until told to stop. Answers the rate reached. */
export async function startSteadyIngest(
  fleet: BenchFleet,
  agents: readonly BenchAgent[],
  perSecond: number,
): Promise<{ stop(): Promise<number> }> {
  const senders = await Promise.all(
    agents.map(async (agent): Promise<Sender> => ({ agent, connection: await fleet.connect(agent) })),
  );
  const everyMs = (BATCH * senders.length * 1_000) / perSecond;
  const started = performance.now();
  let sent = 0;
  let stopped = false;
  const run = async (sender: Sender, index: number): Promise<void> => {
    let due = started + (everyMs * index) / senders.length;
    while (!stopped) {
      await delay(Math.max(0, due - performance.now()));
      await send(sender, sender.agent.batch(BATCH));
      sent += BATCH;
      due += everyMs;
    }
    await sender.connection.close();
  };
  const running = Promise.all(senders.map(run));
  // Its failure is told where it is awaited.
  running.catch(() => {});
  return {
    stop: async () => {
      stopped = true;
      const rate = (sent * 1_000) / (performance.now() - started);
      await running;
      return rate;
    },
  };
}
