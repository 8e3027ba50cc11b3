import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SimulatorAnswer, SimulatorCommand, SimulatorReport, SimulatorSettings } from './protocol.js';

export interface SimulatorOptions extends SimulatorSettings {
  /** The built entry of the simulator. */
  readonly script: string;
  /** How fast the agents' own time passes; 1 by default. */
  readonly timeFactor?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process full of simulated agents; it ends with its parent. */
export interface Simulator {
  readonly pid: number;
  /** Resolves when it is done; throws with the simulator's own words where it could not do it. */
  tell(command: Exclude<SimulatorCommand, { kind: 'report' }>): Promise<void>;
  report(): Promise<SimulatorReport>;
  /** SIGKILL to all of them at once. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a simulator process; what it logs goes to `simulator.log` in its directory. */
export function startSimulator(options: SimulatorOptions): Simulator {
  const { script, timeFactor = 1, env = {}, ...settings } = options;
  mkdirSync(settings.directory, { recursive: true, mode: 0o700 });
  const child = fork(script, [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      ...env,
      KEYFLEET_SIMULATOR: JSON.stringify(settings satisfies SimulatorSettings),
      KEYFLEET_TEST_TIME_FACTOR: String(timeFactor),
    },
  });
  const log = createWriteStream(join(settings.directory, 'simulator.log'), { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return new SimulatorProcess(child);
}

interface Waiting {
  resolve(answer: Extract<SimulatorAnswer, { ok: true }>): void;
  reject(error: Error): void;
}

class SimulatorProcess implements Simulator {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer) => this.#answered(answer as SimulatorAnswer));
    child.once('exit', (code, signal) => this.#ended(`The simulator ended (${signal ?? code}).`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async tell(command: Exclude<SimulatorCommand, { kind: 'report' }>): Promise<void> {
    await this.#ask(command);
  }

  async report(): Promise<SimulatorReport> {
    const { report } = await this.#ask({ kind: 'report' });
    if (!report) throw new Error('The simulator answered without a report.');
    return report;
  }

  async kill(): Promise<void> {
    await this.#end(() => this.#child.kill('SIGKILL'));
  }

  async close(): Promise<void> {
    await this.#end(() => this.#child.connected && this.#child.disconnect());
  }

  #ask(command: SimulatorCommand): Promise<Extract<SimulatorAnswer, { ok: true }>> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new Error('The simulator has ended.'));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command });
    });
  }

  #answered(answer: SimulatorAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer);
    else waiting?.reject(new Error(answer.message));
  }

  #ended(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }

  async #end(how: () => void): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    how();
    await ended;
  }
}
