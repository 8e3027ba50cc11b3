import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BrokerAccess, ProofAgent } from './broker-access.js';

export interface CutAgent {
  readonly agent: ProofAgent;
  /** From the request to the end of its connection. */
  readonly cutAfterMs: number;
  readonly tooLate: boolean;
  /** Whether it got in again right afterwards. */
  readonly isBack: boolean;
}

const LIMIT_MS = 2_000;
/** After this long a connection that should be cut counts as never cut. */
const NEVER_MS = 10_000;

/** Revokes connected agents at the same moment and sees what becomes of each. */
export async function revokeLive(
  broker: BrokerAccess,
  agents: readonly ProofAgent[],
  revoke: (agent: ProofAgent, index: number) => Promise<void>,
): Promise<CutAgent[]> {
  const connections = await Promise.all(agents.map((agent) => broker.connectAgent(agent)));
  const begun = performance.now();
  const cuts = connections.map(async (connection) => {
    await firstDisconnect(connection);
    return performance.now() - begun;
  });
  await Promise.all(agents.map(revoke));
  const result: CutAgent[] = [];
  for (const [index, agent] of agents.entries()) {
    const never = delay(NEVER_MS, NEVER_MS, { ref: false });
    const cutAfterMs = await Promise.race([cuts[index] ?? never, never]);
    const isBack = !(await broker.isOut(agent));
    result.push({ agent, cutAfterMs, isBack, tooLate: cutAfterMs > LIMIT_MS });
  }
  await Promise.all(connections.map((connection) => connection.close()));
  return result;
}

async function firstDisconnect(connection: NatsConnection): Promise<void> {
  for await (const status of connection.status()) if (status.type === 'disconnect') return;
}
