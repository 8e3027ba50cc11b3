import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import type { Stack } from '../../e2e/stack.js';
import type { Summary } from './history.js';

export interface CrowdOptions {
  readonly stack: Stack;
  readonly directory: string;
  readonly agents: number;
  readonly seed: string;
}

export const CROWD_ORG = 'acme';
const SCRIPT = join(process.cwd(), 'apps/agent/dist/simulator/main.js');
const ADDED_PER_SECOND = 20;
/** A store that is put back needs what they sent before. */
const DROP_NOTHING = Number.MAX_SAFE_INTEGER;
/** Of what is to be journaled, so that it keeps pace with the kills. */
export const STEPS = 50;

/** Simulated agents on the real link code: they carry the bulk, and are not killed themselves. */
export class Crowd {
  readonly #simulator: Simulator;

  private constructor(simulator: Simulator) {
    this.#simulator = simulator;
  }

  static isBuilt(): boolean {
    return existsSync(SCRIPT);
  }

  static async start({ stack, directory, agents, seed }: CrowdOptions): Promise<Crowd> {
    const client = await Client.signIn(stack);
    const answer = await client.request('POST', `/api/v1/orgs/${CROWD_ORG}/enrolment-tokens`, {
      uses: agents,
    });
    if (answer.status !== 201) throw new Error(`An enrolment token was refused: ${answer.status}`);
    const { token } = answer.body as { token: string };
    const simulator = startSimulator({
      script: SCRIPT,
      directory,
      seed,
      controlPlaneUrl: stack.run.gateway.url,
      pruneAt: DROP_NOTHING,
    });
    await simulator.tell({ kind: 'add', agents, enrolmentToken: token, perSecond: ADDED_PER_SECOND });
    return new Crowd(simulator);
  }

  /** In steps, each when that much of them may be written. */
  async journal(entries: number, progress: () => number, stepMs: number): Promise<void> {
    const each = Math.ceil(entries / STEPS);
    for (let done = 0; done < entries; done += each) {
      while (done / entries > progress()) await delay(50);
      const next = Math.min(each, entries - done);
      await this.#simulator.tell({ kind: 'journal', agents: 'all', entries: next, overMs: stepMs });
    }
  }

  async drained(): Promise<void> {
    await this.#simulator.tell({ kind: 'drained', agents: 'all' });
  }

  async summaries(): Promise<Map<string, Summary>> {
    const { agents } = await this.#simulator.report();
    return new Map(agents.map(({ agentId, recorded, idsHash }) => [agentId, { recorded, idsHash }]));
  }

  async close(): Promise<void> {
    await this.#simulator.close();
  }
}
