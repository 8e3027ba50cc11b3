import { join } from 'node:path';
import { type Simulator, startSimulator } from '@keyfleet/testing';
import type { Client } from '../../e2e/client.js';
import type { Stack } from '../../e2e/stack.js';
import type { Mortals } from './mortals.js';

export interface SimulatedOptions {
  readonly stack: Stack;
  readonly client: Client;
  readonly directory: string;
  readonly seed: string;
  readonly count: number;
  readonly factor: number;
  readonly say: (line: string) => void;
}

/** Enrolments a second the machine takes beside everything else. */
const PER_SECOND = 60;
const TOKEN_LIVES_SECONDS = 3_600;
const USES_OF_A_TOKEN = 1_000;

export const SIMULATOR = join(process.cwd(), 'apps/agent/dist/simulator/main.js');

/** Agents with the real link code, enrolled with ordinary tokens. */
export class SimulatedAgents implements Mortals {
  readonly kind = 'simulator';
  readonly ids: readonly string[];
  readonly #simulator: Simulator;

  private constructor(ids: readonly string[], simulator: Simulator) {
    this.ids = ids;
    this.#simulator = simulator;
  }

  static async enrol(options: SimulatedOptions): Promise<SimulatedAgents> {
    const { client, count, directory, factor, say, seed, stack } = options;
    const simulator = startSimulator({
      ...{ script: SIMULATOR, seed, timeFactor: factor },
      controlPlaneUrl: stack.run.gateway.url,
      directory: join(directory, 'simulator'),
    });
    const { orgs } = stack.run;
    for (let added = 0; added < count; added += USES_OF_A_TOKEN) {
      const agents = Math.min(USES_OF_A_TOKEN, count - added);
      const slug = orgs[(added / USES_OF_A_TOKEN) % orgs.length]?.slug ?? '';
      const answer = await client.request('POST', `/api/v1/orgs/${slug}/enrolment-tokens`, {
        uses: agents,
        expiresIn: TOKEN_LIVES_SECONDS,
      });
      const { token } = answer.body as { token: string };
      await simulator.tell({ kind: 'add', agents, enrolmentToken: token, perSecond: PER_SECOND });
      say(`${added + agents} of ${count} agents are enrolled`);
    }
    const { agents } = await simulator.report();
    return new SimulatedAgents(
      agents.map(({ agentId }) => agentId),
      simulator,
    );
  }

  get pid(): number {
    return this.#simulator.pid;
  }

  async connectFirst(): Promise<void> {
    await this.#simulator.tell({ kind: 'connected', agents: 'all' });
  }

  async revive(indexes: readonly number[]): Promise<void> {
    await this.#simulator.tell({ kind: 'revive', agents: indexes });
  }

  async kill(indexes: readonly number[]): Promise<number> {
    // They die at some moment after this one; what detection needs is rather said too long than too short.
    const at = Date.now();
    await this.#simulator.tell({ kind: 'kill', agents: indexes });
    return at;
  }

  async close(): Promise<void> {
    await this.#simulator.kill();
  }
}
