import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from '../loss/place.js';

/** Places in the policy service between a decision and its being pushed. */
const FAILPOINTS = [
  'distribution.after-desired',
  'distribution.after-signed',
  'distribution.after-saved',
] as const;
type Failpoint = (typeof FAILPOINTS)[number];
type Victim = 'policy' | 'registry' | Failpoint;

export interface PlannedKill {
  /** After the publication, in milliseconds. */
  readonly at: number;
  readonly victim: Victim;
}

const VICTIMS: readonly Victim[] = ['policy', 'registry', ...FAILPOINTS];
const LOOK_MS = 20;
/** Before any wave can be over, so that somebody dies in each. */
const FIRST_WITHIN_MS = 1_000;

/** Both services are to die in each wave: what is drawn is when, what else dies, and where in its work. */
export function planKills(count: number, withinMs: number, random: () => number): readonly PlannedKill[] {
  const drawn = (): Victim => VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'policy';
  const victims = Array.from({ length: count }, (_, n) => (['policy', 'registry'] as const)[n] ?? drawn());
  const first = Math.floor(random() * count);
  return victims
    .map((victim, n) => ({
      victim,
      at: Math.round(random() * (n === first ? FIRST_WITHIN_MS : withinMs)),
    }))
    .sort((one, other) => one.at - other.at);
}

/** Tells services where they can be told to die. */
export function armed(directory: string): Readonly<Record<string, string>> {
  const files = FAILPOINTS.map((name) => [name, { killWhenFile: fileOf(directory, name) }]);
  return { KEYFLEET_FAILPOINTS: JSON.stringify(Object.fromEntries(files)) };
}

function fileOf(directory: string, name: Failpoint): string {
  return join(directory, `die-${name}`);
}

export interface KillOptions {
  readonly place: Place;
  readonly directory: string;
  readonly say: (line: string) => void;
  /** The wave is over: who did not come by its failpoint lives. */
  readonly over: AbortSignal;
}

/** Kills one after the other, each once what died before is back. Resolves with who died when all are back. */
export async function killAll(
  plan: readonly PlannedKill[],
  options: KillOptions,
): Promise<readonly Victim[]> {
  const { over, say } = options;
  const began = Date.now();
  const died: Victim[] = [];
  for (const { at, victim } of plan) {
    await delay(Math.max(0, began + at - Date.now()), undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    const has = await kill(victim, options);
    if (has) died.push(victim);
    if (has) say(`${victim} was killed and is back`);
  }
  return died;
}

async function kill(victim: Victim, { place, directory, over }: KillOptions): Promise<boolean> {
  const unit = victim === 'registry' ? 'registry' : 'policy';
  const pid = place.pidOf(unit);
  if (pid === 0) return false;
  if (victim === unit) process.kill(pid, 'SIGKILL');
  else if (!(await dies(fileOf(directory, victim as Failpoint), over))) return false;
  await place.back(unit, pid);
  return true;
}

/** The file goes when somebody dies of it; only what changes something comes by. */
async function dies(file: string, over: AbortSignal): Promise<boolean> {
  writeFileSync(file, '');
  while (existsSync(file) && !over.aborted) await delay(LOOK_MS);
  if (!existsSync(file)) return true;
  rmSync(file, { force: true });
  return false;
}
