import { readFileSync } from 'node:fs';
import { familyOf } from '../family.js';

/** Of /proc/…/stat; Linux has had it at 100 for ever. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** Processor seconds a process and everything now under it have used. */
export function cpuSeconds(pid: number): number {
  return familyOf(pid).reduce((sum, one) => sum + (statOf(one)[0]?.ticks ?? 0) / TICKS_PER_SECOND, 0);
}

type Named = Readonly<Record<string, readonly number[]>>;

/** Shares of one core, by name, since it was made or last asked. */
export class CpuMeter {
  readonly #pids: () => Named;
  #at = performance.now();
  #known = new Map<number, number>();
  #used: Record<string, number> = {};

  /** `pids` is asked at each look: a process that came back has another. */
  constructor(pids: () => Named) {
    this.#pids = pids;
    this.look();
    this.#used = {};
  }

  /** What a process uses between the last look and its end is missing, so where some may end, look often. */
  look(): void {
    const known = new Map<number, number>();
    for (const [name, pids] of Object.entries(this.#pids()))
      for (const pid of pids) {
        const used = cpuSeconds(pid);
        known.set(pid, used);
        this.#used[name] = (this.#used[name] ?? 0) + Math.max(0, used - (this.#known.get(pid) ?? 0));
      }
    this.#known = known;
  }

  shares(): Readonly<Record<string, number>> {
    this.look();
    const seconds = (performance.now() - this.#at) / 1_000;
    const shares = Object.entries(this.#used).map(
      ([name, used]) => [name, Math.round((used * 1_000) / seconds) / 1_000] as const,
    );
    [this.#used, this.#at] = [{}, performance.now()];
    return Object.fromEntries(shares);
  }
}

function statOf(pid: number): readonly Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system, waitedUser, waitedSystem] = [1, 11, 12, 13, 14].map((n) =>
      Number(fields[n]),
    );
    const ticks = (user ?? 0) + (system ?? 0) + (waitedUser ?? 0) + (waitedSystem ?? 0);
    return [{ pid, parent: parent ?? 0, ticks }];
  } catch {
    return [];
  }
}
