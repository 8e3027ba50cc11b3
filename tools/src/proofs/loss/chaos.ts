import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProxy } from '@keyfleet/testing';
import { familyOf, signalAll } from '../family.js';
import { seeded } from '../random.js';
import type { Killer } from './kills.js';
import type { Place, Unit } from './place.js';
import type { Kill } from './plan.js';

export interface ChaosOptions {
  readonly place: Place;
  readonly killer: Killer;
  readonly plan: readonly Kill[];
  /** Between two kills, in the mean. */
  readonly everyMs: number;
  /** Between two pauses or network faults, in the mean; none where undefined. */
  readonly disturbEveryMs: number | undefined;
  /** By what lies behind it. */
  readonly proxies: Readonly<Record<string, FaultProxy>>;
  readonly random: () => number;
  readonly say: (line: string) => void;
  /** Looks after each kill, before what died is back. */
  readonly look: () => Promise<void>;
  /** Whether what is left of the plan may be left out. */
  readonly isEnough: () => boolean;
}

export interface Toll {
  readonly kills: Readonly<Record<string, number>>;
  readonly pauses: number;
  readonly networkFaults: number;
}

/** Few enough that not everything is away at once for long. */
const AT_ONCE = 4;
const LIFE_MS = 3_500;
const PAUSED: readonly Unit[] = [
  'registry',
  'registry-2',
  'analytics',
  'postgres',
  'nats',
  'redis',
  'gateway',
];

/** Kills, pauses and cuts at seeded moments, while processes come back beside it. */
export class Chaos {
  readonly #options: ChaosOptions;
  readonly #busy = new Set<string>();
  readonly #kills = new Map<string, number>();
  readonly #failures: unknown[] = [];
  #pauses = 0;
  #networkFaults = 0;
  #done = 0;
  #doneAt = performance.now();
  #over = false;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  async run(): Promise<Toll> {
    const { random, disturbEveryMs } = this.#options;
    const over = new AbortController();
    const own = () => seeded(Math.floor(random() * 2 ** 32));
    const disturbing =
      disturbEveryMs === undefined
        ? []
        : [
            this.#repeat(own(), over.signal, (lot) => this.#pause(lot)),
            this.#repeat(own(), over.signal, (lot) => this.#disturbNetwork(lot)),
          ];
    await this.#killAll(own());
    over.abort();
    await Promise.all(disturbing);
    if (this.#failures.length > 0) throw this.#failures[0];
    return {
      kills: Object.fromEntries([...this.#kills].sort(([a], [b]) => (a < b ? -1 : 1))),
      pauses: this.#pauses,
      networkFaults: this.#networkFaults,
    };
  }

  async #killAll(random: () => number): Promise<void> {
    const { plan, everyMs, isEnough } = this.#options;
    const left = [...plan];
    const underWay = new Set<Promise<void>>();
    let due = performance.now();
    const goesOn = () => this.#failures.length === 0 && !isEnough();
    while (left.length > 0 && goesOn()) {
      due = Math.max(due + everyMs * (0.4 + 1.2 * random()), performance.now() - everyMs);
      await delay(Math.max(0, due - performance.now()));
      const next = await this.#takeFree(left, underWay, goesOn);
      if (!next) break;
      const work = this.#perform(next, left).finally(() => underWay.delete(work));
      underWay.add(work);
      // What could not be killed when its turn came goes back to the plan.
      if (left.length === 0) await Promise.all(underWay);
    }
    await Promise.all(underWay);
    this.#over = true;
  }

  /** How much of the plan is carried out, from 0 to 1; between two kills it grows with time. */
  get progress(): number {
    const { plan, everyMs } = this.#options;
    const next = Math.min((performance.now() - this.#doneAt) / everyMs, 1);
    return this.#over ? 1 : Math.min((this.#done + next) / plan.length, 1);
  }

  /** The next of the plan whose unit is there and left alone. */
  async #takeFree(
    left: Kill[],
    underWay: ReadonlySet<Promise<void>>,
    goesOn: () => boolean,
  ): Promise<Kill | undefined> {
    const { killer, place } = this.#options;
    for (;;) {
      if (!goesOn()) return undefined;
      const free = (kill: Kill): boolean =>
        killer.unitsOf(kill).every((unit) => !this.#busy.has(keyOf(unit)) && place.pidOf(unit) !== 0) &&
        killer.mayHappen(kill);
      const index = underWay.size < AT_ONCE ? left.findIndex(free) : -1;
      if (index >= 0) return left.splice(index, 1)[0];
      await delay(50);
    }
  }

  async #perform(kill: Kill, left: Kill[]): Promise<void> {
    const { killer, say, plan, look } = this.#options;
    try {
      let looked: Promise<void> | undefined;
      const died = () => {
        looked = look();
        // Its failure is told where it is awaited; until then it must not count as unhandled.
        looked.catch(() => {});
      };
      const done = await this.#alone(killer.unitsOf(kill), () => killer.kill(kill, died));
      await looked;
      if (!done) {
        left.push(kill);
        return;
      }
      this.#kills.set(kill.target, (this.#kills.get(kill.target) ?? 0) + 1);
      this.#done += 1;
      this.#doneAt = performance.now();
      if (this.#done % Math.ceil(plan.length / 20) === 0) say(`${this.#done} of ${plan.length} kills`);
    } catch (error) {
      this.#failures.push(error);
    }
  }

  async #alone<T>(units: readonly Unit[], work: () => Promise<T>): Promise<T> {
    const keys = units.map(keyOf);
    for (const key of keys) this.#busy.add(key);
    try {
      return await work();
    } finally {
      // What came back does some work before its next turn; its launcher sees that it was no failing start.
      setTimeout(() => {
        for (const key of keys) this.#busy.delete(key);
      }, LIFE_MS);
    }
  }

  async #repeat(random: () => number, signal: AbortSignal, act: (random: () => number) => Promise<void>) {
    const everyMs = this.#options.disturbEveryMs ?? 0;
    const pause = () => delay(everyMs * (0.4 + 1.2 * random()), true, { signal }).catch(() => false);
    while (await pause()) await act(random).catch((error: unknown) => this.#failures.push(error));
  }

  /** SIGSTOP, and SIGCONT some seconds later: past what others wait for. */
  async #pause(random: () => number): Promise<void> {
    const { place } = this.#options;
    const agents = place.agents.map(({ name }): Unit => ({ agent: name }));
    const all = [...PAUSED, agents[Math.floor(random() * agents.length)] as Unit];
    const unit = all[Math.floor(random() * all.length)] as Unit;
    const ms = 500 + 9_500 * random() ** 2;
    const pid = place.pidOf(unit);
    if (pid === 0 || this.#busy.has(keyOf(unit))) return;
    await this.#alone([unit], async () => {
      const family = familyOf(pid);
      signalAll(family, 'SIGSTOP');
      this.#pauses += 1;
      await delay(ms);
      signalAll(family, 'SIGCONT');
    });
  }

  async #disturbNetwork(random: () => number): Promise<void> {
    const proxies = Object.values(this.#options.proxies);
    const proxy = proxies[Math.floor(random() * proxies.length)];
    if (!proxy) return;
    this.#networkFaults += 1;
    const kind = Math.floor(random() * 5);
    const ms = 500 + 11_500 * random() ** 2;
    if (kind === 0) proxy.set({ mode: 'silence' });
    if (kind === 1) proxy.set({ mode: 'refuse' });
    if (kind === 2) proxy.set({ delayMs: 20 + 300 * random() });
    if (kind === 3) proxy.set({ bytesPerSecond: 20_000 + 200_000 * random() });
    if (kind === 1 || kind === 4) proxy.reset();
    await delay(ms);
    proxy.heal();
  }
}

function keyOf(unit: Unit): string {
  return typeof unit === 'object' ? `agent ${unit.agent}` : unit;
}
