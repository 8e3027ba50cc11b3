import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stack } from '../../e2e/stack.js';
import { shuffled } from '../random.js';

/** Places in the life of a batch where ingest can be told to die; see KEYFLEET_FAILPOINTS. */
export const FAILPOINTS = [
  'ingest.received',
  'ingest.validated',
  'ingest.before-append',
  'ingest.after-append',
  'ingest.before-reply',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

export type Target = 'nats' | 'nats-emptied' | 'registry' | 'analytics' | 'agent' | Failpoint;

export interface Kill {
  readonly target: Target;
  /** Which agent, where it is one. */
  readonly index: number;
  /** Pause before it. */
  readonly afterMs: number;
}

export interface KillPlan {
  readonly kills: number;
  readonly agents: number;
  readonly overMs: number;
  readonly random: () => number;
}

/** Every kind at least once where there are enough, the rest by lot; the pauses fill the time. */
export function planKills({ kills, agents, overMs, random }: KillPlan): Kill[] {
  const kinds: Target[] = ['registry', 'nats-emptied', 'agent', 'analytics', ...FAILPOINTS, 'nats'];
  const lots: Target[] = ['nats', 'registry', 'registry', 'analytics', 'agent', 'agent', ...FAILPOINTS];
  const targets = Array.from(
    { length: kills },
    (_, n) => kinds[n] ?? lots[Math.floor(random() * lots.length)],
  );
  return shuffled(targets as Target[], random).map((target) => ({
    target,
    index: Math.floor(random() * agents),
    afterMs: (overMs / kills) * (0.4 + 1.2 * random()),
  }));
}

export interface Killing {
  readonly stack: Stack;
  /** Where the broker keeps what it was pushed. */
  readonly claimsDirectory: string;
  /** A file per failpoint; ingest dies there once when it exists. */
  readonly failpointFile: (name: Failpoint) => string;
  readonly say: (line: string) => void;
}

/** While its process is being brought back there is nothing to kill. */
const WAIT_MS = 20_000;

/** Carries a kill out; the launcher brings services and broker back, and this the agent. False where there was nobody. */
export async function kill({ target, index }: Kill, killing: Killing): Promise<boolean> {
  const { stack, claimsDirectory, failpointFile, say } = killing;
  switch (target) {
    case 'nats':
    case 'nats-emptied':
      return dies(
        () => ({ pid: stack.run.nats.pid, command: 'nats-server' }),
        () => {
          say(`kill ${target}`);
          if (target === 'nats-emptied') rmSync(claimsDirectory, { recursive: true, force: true });
        },
      );
    case 'registry':
    case 'analytics':
      return dies(
        () => ({
          pid: stack.run.services.find(({ name }) => name === target)?.pid ?? 0,
          command: `apps/${target}`,
        }),
        () => say(`kill ${target}`),
      );
    case 'agent': {
      const name = stack.run.agents[index]?.name ?? '';
      const pid = () => stack.run.agents[index]?.pid ?? 0;
      const died = await dies(
        () => ({ pid: pid(), command: 'apps/agent' }),
        () => say(`kill agent ${name}`),
      );
      await agentTool(stack, 'start', name);
      return died;
    }
    default:
      say(`kill at ${target}`);
      return diesAt(failpointFile(target));
  }
}

/** The process takes the file away as it dies there; until then something has to come by. */
async function diesAt(file: string): Promise<boolean> {
  writeFileSync(file, '');
  for (let waited = 0; existsSync(file); waited += 100) {
    if (waited > WAIT_MS) {
      rmSync(file, { force: true });
      return false;
    }
    await delay(100);
  }
  return true;
}

async function dies(find: () => { pid: number; command: string }, then: () => void): Promise<boolean> {
  for (let waited = 0; waited < WAIT_MS; waited += 100) {
    const { pid, command } = find();
    if (isRunning(pid, command)) {
      process.kill(pid, 'SIGKILL');
      then();
      return true;
    }
    await delay(100);
  }
  return false;
}

/** A pid alone could be somebody else's by now. */
function isRunning(pid: number, command: string): boolean {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(command);
  } catch {
    return false;
  }
}

/** `npm run agent -- <action> <name>` in the folder of the installation. */
export async function agentTool(stack: Stack, action: 'start' | 'stop', name: string): Promise<void> {
  const tool = join(process.cwd(), 'tools/dist/agent.js');
  const child = spawn(process.execPath, [tool, action, name], { cwd: stack.directory, stdio: 'ignore' });
  await once(child, 'exit');
}
