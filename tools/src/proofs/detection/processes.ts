import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/…/stat; Linux has had it at 100 for ever. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** A process and everything under it. */
export function familyOf(pid: number): readonly number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)));
  const family = [pid];
  for (const one of family)
    family.push(...all.filter(({ parent }) => parent === one).map((stat) => stat.pid));
  return family;
}

/** The signal for a process and everything under it; what has ended meanwhile is left out. */
export function signalFamily(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const one of familyOf(pid)) {
    try {
      process.kill(one, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** Processor seconds a process and everything now under it have used. */
export function cpuSeconds(pid: number): number {
  return familyOf(pid).reduce((sum, one) => sum + (statOf(one)[0]?.ticks ?? 0) / TICKS_PER_SECOND, 0);
}

/** Shares of one core, by name, between two looks. */
export class CpuMeter {
  readonly #pids: () => Readonly<Record<string, readonly number[]>>;
  #at = performance.now();
  #used: Record<string, number>;

  /** `pids` is asked at each look: a process that came back has another. */
  constructor(pids: () => Readonly<Record<string, readonly number[]>>) {
    this.#pids = pids;
    this.#used = this.#look();
  }

  /** Since the last call. What a process that ended meanwhile had used is not in it. */
  shares(): Readonly<Record<string, number>> {
    const [used, at] = [this.#look(), performance.now()];
    const seconds = (at - this.#at) / 1_000;
    const shares = Object.entries(used).map(([name, now]) => {
      const share = Math.max(now - (this.#used[name] ?? 0), 0) / seconds;
      return [name, Math.round(share * 1_000) / 1_000] as const;
    });
    [this.#used, this.#at] = [used, at];
    return Object.fromEntries(shares);
  }

  #look(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.#pids()).map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
      ]),
    );
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
