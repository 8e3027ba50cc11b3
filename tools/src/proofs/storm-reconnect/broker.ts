import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@keyfleet/testing';
import type { Stack } from '../../e2e/stack.js';

const LOOK_MS = 10;
const BACK_WITHIN_MS = 60_000;

/** The broker of the installation, killed with SIGKILL, and brought back by the launcher as soon as that may. */
export class Broker {
  readonly #stack: Stack;
  readonly #port: number;
  #held = false;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#port = Number(new URL(stack.run.nats.url.replace('tls:', 'http:')).port);
  }

  /** Gone when it resolves, with when that was, in real milliseconds since the epoch. */
  async kill(): Promise<number> {
    const { pid } = this.#stack.run.nats;
    process.kill(pid, 'SIGKILL');
    const at = Date.now();
    await waitFor(async () => !(await this.#accepts()), { ceilingMs: BACK_WITHIN_MS, what: 'its death' });
    return at;
  }

  /** As `kill`, and nobody starts it again: who would do so stands still until `release`. */
  async killAndHold(): Promise<number> {
    this.#held = true;
    process.kill(this.#stack.pid, 'SIGSTOP');
    return this.kill();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (existsSync(`/proc/${this.#stack.pid}`)) process.kill(this.#stack.pid, 'SIGCONT');
  }

  /** When it takes connections again, in real milliseconds since the epoch. */
  async accepting(): Promise<number> {
    const ends = Date.now() + BACK_WITHIN_MS;
    while (Date.now() < ends) {
      if (await this.#accepts()) return Date.now();
      await delay(LOOK_MS);
    }
    throw new Error('The broker did not come back.');
  }

  #accepts(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      const answer = (open: boolean) => {
        socket.destroy();
        resolve(open);
      };
      socket.once('connect', () => answer(true));
      socket.once('error', () => answer(false));
    });
  }
}
