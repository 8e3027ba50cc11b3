import type { Pace } from '../link/pace.js';
import type { Agent } from './simulated-agent.js';

/** Agents that go away and come back over and over. */
export class Flapping {
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #running = new Map<Agent, { readonly ending: AbortController; readonly done: Promise<void> }>();

  constructor(pace: Pace, random: () => number) {
    this.#pace = pace;
    this.#random = random;
  }

  /** Half of each period away, at a phase of its own. */
  start(agent: Agent, periodMs: number): void {
    if (this.#running.has(agent)) return;
    const ending = new AbortController();
    const done = this.#flap(agent, periodMs, ending.signal);
    this.#running.set(agent, { ending, done });
  }

  /** It is there again when this resolves; nothing happens to one that does not flap. */
  async stop(agent: Agent): Promise<void> {
    const running = this.#running.get(agent);
    this.#running.delete(agent);
    running?.ending.abort();
    await running?.done;
  }

  async #flap(agent: Agent, periodMs: number, signal: AbortSignal): Promise<void> {
    await this.#pace.sleep(this.#random() * periodMs, signal);
    while (!signal.aborted) {
      await agent.kill();
      await this.#pace.sleep(periodMs / 2, signal);
      await agent.start();
      await this.#pace.sleep(periodMs / 2, signal);
    }
  }
}
