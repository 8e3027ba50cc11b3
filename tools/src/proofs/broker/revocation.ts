import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorityProcess } from './authority-process.js';
import type { ProofAgent } from './broker-access.js';
import { revokeLive } from './cut.js';
import type { ProofInstallation } from './installation.js';

export interface RevocationResult {
  readonly revoked: number;
  /** Milliseconds from each request to the end of the connection. */
  readonly cuts: readonly number[];
  readonly concurrentRounds: number;
  /** What did not hold, in words. */
  readonly failures: readonly string[];
}

export interface RevocationOptions {
  readonly installation: ProofInstallation;
  /** Two registries' authorities. */
  readonly authorities: readonly [AuthorityProcess, AuthorityProcess];
  readonly random: () => number;
  readonly singles: number;
  /** Rounds of two at once. */
  readonly rounds: number;
  /** Rounds in which one push is overtaken by another. */
  readonly overtaken: number;
  readonly say: (message: string) => void;
}

/** A broker is told at once or at the next comparison; beyond this something is broken. */
const CEILING_MS = 30_000;

/** Revokes one by one and two at once, then restarts, empties and starves the broker; who is out stays out. */
export class Revocations {
  readonly #options: RevocationOptions;
  readonly #revoked: ProofAgent[] = [];
  readonly #cuts: number[] = [];
  readonly #failures: string[] = [];

  constructor(options: RevocationOptions) {
    this.#options = options;
  }

  async run(): Promise<RevocationResult> {
    const { installation, authorities, singles, rounds, say, random } = this.#options;
    const innocent = await installation.agent(authorities[0]);
    for (let n = 0; n < singles; n += 1) {
      const [first, second] = authorities;
      await this.#revoke([random() < 0.5 ? first : second]);
      say(`${n + 1} of ${singles} revoked one by one`);
    }
    for (let n = 0; n < rounds; n += 1) {
      await this.#revoke(authorities);
      say(`${n + 1} of ${rounds} rounds of two at once`);
    }
    await this.#overtake();
    await this.#allOut('after all revocations', innocent);
    await installation.killBroker();
    await installation.startBroker();
    await this.#allOut('after a restart', innocent);
    await installation.killBroker();
    await installation.startBroker({ empty: true });
    await this.#allOut('after a restart with an empty directory', innocent);
    await this.#starve(innocent);
    return {
      revoked: this.#revoked.length,
      cuts: this.#cuts,
      concurrentRounds: rounds,
      failures: this.#failures,
    };
  }

  /** One agent for each authority, revoked at the same moment while they are connected. */
  async #revoke(authorities: readonly AuthorityProcess[]): Promise<void> {
    const { installation } = this.#options;
    const agents = await Promise.all(authorities.map((authority) => installation.agent(authority)));
    const revoke = async (agent: ProofAgent, index: number) => authorities[index]?.revoke(agent);
    for (const { agent, cutAfterMs, tooLate, isBack } of await revokeLive(
      installation.broker,
      agents,
      revoke,
    )) {
      this.#cuts.push(cutAfterMs);
      if (tooLate) this.#failures.push(`${agent.agentId} was cut after ${Math.round(cutAfterMs)} ms`);
      if (isBack) this.#failures.push(`${agent.agentId} came back at once`);
    }
    this.#revoked.push(...agents);
  }

  /**
   * A registry has read the table and is held just before its push, while another one revokes: the late push must not
   * take the newer revocation away.
   */
  async #overtake(): Promise<void> {
    const { installation, authorities, overtaken, say } = this.#options;
    const gate = installation.file('push-gate');
    writeFileSync(gate, '');
    const slow = await installation.startAuthority({ pushGate: gate });
    for (let n = 0; n < overtaken; n += 1) {
      const pair = [await installation.agent(slow), await installation.agent(slow)] as const;
      rmSync(gate);
      const late = slow.revoke(pair[0]);
      while ((await installation.claimLocks()).held === 0) await delay(5);
      let done = false;
      const early = authorities[0].revoke(pair[1]).finally(() => {
        done = true;
      });
      while (!done && (await installation.claimLocks()).waiting === 0) await delay(5);
      writeFileSync(gate, '');
      await Promise.all([late, early]);
      for (const agent of pair)
        if (!(await installation.broker.isOut(agent)))
          this.#failures.push(`${agent.agentId} came in after a late push`);
      this.#revoked.push(...pair);
      say(`${n + 1} of ${overtaken} late pushes`);
    }
    await slow.kill();
  }

  async #allOut(when: string, innocent: ProofAgent): Promise<void> {
    const { installation, say } = this.#options;
    // The twin: somebody who was never revoked comes in, so that "out" means revoked and not broken.
    const deadline = performance.now() + CEILING_MS;
    let isIn = false;
    while (!isIn && performance.now() < deadline) {
      await this.#check(when);
      isIn = !(await installation.broker.isOut(innocent));
    }
    if (!isIn) this.#failures.push(`an innocent agent stayed out ${when}`);
    await this.#check(when, this.#revoked);
    say(`all ${this.#revoked.length} out ${when}`);
  }

  /** Whether any of them got in; a few at random while the broker is being told, all of them afterwards. */
  async #check(when: string, agents: readonly ProofAgent[] = this.#some()): Promise<void> {
    for (const agent of agents)
      if (!(await this.#options.installation.broker.isOut(agent)))
        this.#failures.push(`${agent.agentId} came in ${when}`);
  }

  #some(): ProofAgent[] {
    const { random } = this.#options;
    return [0, 1, 2].flatMap(() => this.#revoked[Math.floor(random() * this.#revoked.length)] ?? []);
  }

  /** With no authority alive, an empty broker takes nobody in, and everybody but the revoked once one is back. */
  async #starve(innocent: ProofAgent): Promise<void> {
    const { installation, authorities, say } = this.#options;
    await Promise.all(authorities.map((authority) => authority.kill()));
    await installation.killBroker();
    await installation.startBroker({ empty: true });
    for (const agent of [innocent, ...this.#some()])
      if (!(await installation.broker.isOut(agent)))
        this.#failures.push(`${agent.agentId} came in before the first push`);
    say('nobody in before the first push');
    const authority = await installation.startAuthority();
    while (!(await authority.isReady())) await delay(50);
    await this.#allOut('after the authority came back', innocent);
  }
}
