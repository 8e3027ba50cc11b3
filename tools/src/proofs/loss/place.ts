import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stack } from '../../e2e/stack.js';
import { askLauncher, CONTROL_SOCKET } from '../../launcher/control.js';
import type { ServiceTarget } from './plan.js';
import type { SecondRegistry } from './second-registry.js';

export type Unit = ServiceTarget | 'registry-2' | 'nats' | 'postgres' | 'redis' | { readonly agent: string };

/**
 * While a process is being brought back there is nothing to kill; longer than this it is not brought back at all. It
 * is back once it serves, which it cannot while any of what it needs is away, and others go on being killed.
 */
const BACK_MS = 600_000;

/** Where the processes and folders of a running installation are. */
export class Place {
  readonly stack: Stack;
  second: SecondRegistry | undefined;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  in(...parts: readonly string[]): string {
    return join(this.stack.directory, '.keyfleet', ...parts);
  }

  get agents() {
    return this.stack.run.agents;
  }

  agentDirectory(name: string): string {
    return this.in('agents', name);
  }

  /** 0 where it does not run. */
  pidOf(unit: Unit): number {
    if (unit === 'registry-2') return this.second?.pid ?? 0;
    const { run } = this.stack;
    const [pid, command] = this.#find(run, unit);
    return isRunning(pid, command) ? pid : 0;
  }

  #find(run: Stack['run'], unit: Unit): [pid: number, command: string] {
    if (typeof unit === 'object')
      return [run.agents.find(({ name }) => name === unit.agent)?.pid ?? 0, 'apps/agent'];
    if (unit === 'nats') return [run.nats.pid, 'nats-server'];
    if (unit === 'postgres') return [run.postgres.pid, 'postgres'];
    if (unit === 'redis') return [run.redis.pid, 'redis'];
    return [run.services.find(({ name }) => name === unit)?.pid ?? 0, `apps/${unit}`];
  }

  /** Until another process has taken the place of this one and is ready. */
  async back(unit: Unit, before: number): Promise<void> {
    const until = performance.now() + BACK_MS;
    for (;;) {
      const pid = this.pidOf(unit);
      if (pid !== 0 && pid !== before) return;
      if (performance.now() > until)
        throw new Error(
          `${typeof unit === 'object' ? unit.agent : unit} did not come back in ${BACK_MS} ms.`,
        );
      await delay(100);
    }
  }

  /** `npm run agent -- <action> <name>`, again until the launcher says it is done. */
  async agent(action: 'start' | 'stop', name: string): Promise<void> {
    const until = performance.now() + BACK_MS;
    const socket = join(this.stack.directory, CONTROL_SOCKET);
    for (;;) {
      const answer = await askLauncher({ command: 'agent', action, name }, socket).catch(
        (error: unknown) => ({
          ok: false,
          message: String(error),
        }),
      );
      if (answer.ok) return;
      if (performance.now() > until) throw new Error(answer.message);
      await delay(200);
    }
  }
}

/** A pid alone could be somebody else's by now. */
function isRunning(pid: number, command: string): boolean {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(command);
  } catch {
    return false;
  }
}
