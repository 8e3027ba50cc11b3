import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Every process below one, itself first. */
export function familyOf(pid: number): number[] {
  const family = [pid];
  for (let index = 0; index < family.length; index += 1) family.push(...childrenOf(family[index] as number));
  return family;
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** What has ended meanwhile is left out. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 100;

/** Ends everything below this process: children are asked, and end their own; who does not heed is killed. */
export async function endDescendants(): Promise<void> {
  const family = familyOf(process.pid).slice(1);
  // What was stopped for the proof's sake could not answer.
  signalAll(family, 'SIGCONT');
  signalAll(childrenOf(process.pid), 'SIGTERM');
  const until = performance.now() + PATIENCE_MS;
  while (family.some(isThere) && performance.now() < until) await delay(LOOK_EVERY_MS);
  signalAll(family.filter(isThere), 'SIGKILL');
}

function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
