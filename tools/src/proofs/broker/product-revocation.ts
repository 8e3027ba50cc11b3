import type { ProofAgent } from './broker-access.js';
import { type CutAgent, revokeLive } from './cut.js';
import type { Product } from './product.js';

export interface ProductRevocationOptions {
  readonly product: Product;
  readonly singles: number;
  /** Rounds of two at once. */
  readonly rounds: number;
  readonly say: (message: string) => void;
}

export interface ProductRevocationResult {
  readonly cuts: readonly number[];
  readonly failures: readonly string[];
}

const CEILING_MS = 60_000;

/** Revokes connected agents by the public API, and sees that they are cut, refused and stay out. */
export async function revokeByApi(options: ProductRevocationOptions): Promise<ProductRevocationResult> {
  const { product, singles, rounds, say } = options;
  const failures: string[] = [];
  const revoked: ProofAgent[] = [];
  const cuts: number[] = [];
  const innocent = await product.agent();
  const revoke = async (count: number) => {
    const agents = await Promise.all(Array.from({ length: count }, () => product.agent()));
    const done = await revokeLive(product.broker, agents, (agent) => product.revoke(agent));
    for (const cut of done) failures.push(...(await judge(product, cut)));
    cuts.push(...done.map(({ cutAfterMs }) => cutAfterMs));
    revoked.push(...agents);
  };
  for (let n = 0; n < singles; n += 1) await revoke(1);
  for (let n = 0; n < rounds; n += 1) await revoke(2);
  say(`${revoked.length} revoked by the API`);
  for (const empty of [false, true]) {
    await product.restartBroker({ empty });
    const when = empty ? 'after a restart with an empty directory' : 'after a restart';
    failures.push(...(await allOut(product, { revoked, innocent, when })));
    say(`all ${revoked.length} out ${when}`);
  }
  return { cuts, failures };
}

async function judge(product: Product, { agent, tooLate, isBack }: CutAgent): Promise<string[]> {
  const refusal = await product.renewalRefusal(agent);
  return [
    ...(tooLate ? [`${agent.agentId} was cut too late by the API`] : []),
    ...(isBack ? [`${agent.agentId} came back after the API revoked it`] : []),
    ...(refusal === 'agent.revoked' ? [] : [`${agent.agentId} was not refused its renewal: ${refusal}`]),
  ];
}

async function allOut(
  product: Product,
  seen: { readonly revoked: readonly ProofAgent[]; readonly innocent: ProofAgent; readonly when: string },
): Promise<string[]> {
  const failures: string[] = [];
  const deadline = performance.now() + CEILING_MS;
  const { revoked, innocent, when } = seen;
  const look = async (agents: readonly ProofAgent[]) => {
    for (const agent of agents)
      if (!(await product.broker.isOut(agent))) failures.push(`${agent.agentId} came in ${when}`);
  };
  // While the broker is being told, and again once an innocent agent is in.
  let isIn = false;
  while (!isIn && performance.now() < deadline) {
    await look(revoked.slice(0, 2));
    isIn = !(await product.broker.isOut(innocent));
  }
  if (!isIn) failures.push(`an innocent agent stayed out ${when}`);
  await look(revoked);
  return failures;
}
