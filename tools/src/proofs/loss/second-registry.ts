import { setTimeout as delay } from 'node:timers/promises';
import { launchReplica, type Replica, settingsOf } from '../../e2e/replicas.js';
import type { Stack } from '../../e2e/stack.js';

const LOOK_EVERY_MS = 100;
const TRY_AGAIN_MS = 500;
/** Like the launcher's, it is there once it runs: what it needs may be away just then, and it has to live with that. */
const RUNS = (): Promise<boolean> => Promise.resolve(true);

/** A registry beside the launcher's, as an installation has two; started again whenever it has died. */
export class SecondRegistry {
  readonly #stack: Stack;
  readonly #settings: Readonly<Record<string, string>>;
  #replica: Replica | undefined;
  #closed = false;
  readonly #kept: Promise<void>;

  private constructor(stack: Stack, settings: Readonly<Record<string, string>>) {
    this.#stack = stack;
    this.#settings = { ...settingsOf(stack, 'registry'), ...settings };
    this.#kept = this.#keep();
  }

  static async start(stack: Stack, settings: Readonly<Record<string, string>>): Promise<SecondRegistry> {
    const second = new SecondRegistry(stack, settings);
    while (second.pid === 0) await delay(LOOK_EVERY_MS);
    return second;
  }

  /** 0 where it does not run. */
  get pid(): number {
    return this.#replica?.isRunning() ? this.#replica.pid : 0;
  }

  async #keep(): Promise<void> {
    while (!this.#closed) {
      if (this.pid !== 0) await delay(LOOK_EVERY_MS);
      else
        try {
          this.#replica = await launchReplica(this.#stack, 'registry', this.#settings, RUNS);
        } catch {
          await delay(TRY_AGAIN_MS);
        }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#kept;
    await this.#replica?.stop();
  }
}
