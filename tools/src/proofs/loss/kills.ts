import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pendingOnDisk, readJournal } from './agent-disk.js';
import { prepare, putBack, takeImage } from './images.js';
import type { Ledger } from './ledger.js';
import type { Place, Unit } from './place.js';
import type { Failpoint, Kill, Target } from './plan.js';

export interface KillerOptions {
  readonly place: Place;
  readonly ledger: Ledger;
  /** A file per failpoint and registry; ingest dies there once when it exists. */
  readonly failpointFile: (name: Failpoint, registry: Unit) => string;
  /** Where images of folders are kept. */
  readonly images: string;
}

/** A failpoint needs a batch to come by. */
const PASSING_MS = 30_000;
/** Entries that wait at an agent whose journal is brought over all the time. */
const FEW = 100;

/** Carries kills out, and waits each time until what died is back. */
export class Killer {
  readonly #options: KillerOptions;
  /** Grows when PostgreSQL was put back: what was true of the store before need not be true now. */
  #generation = 0;
  /** Agents that have not been seen to agree with the store since it was put back. */
  readonly #outdated = new Set<string>();

  constructor(options: KillerOptions) {
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** What a kill touches: two kills of one unit are never under way at once. The first of them is what dies. */
  unitsOf(kill: Kill): [Unit, ...Unit[]] {
    // Store and agent must not forget at the same time: nobody could bring back what both had.
    return kill.target === 'agent-older' ? [this.#unitOf(kill), 'postgres'] : [this.#unitOf(kill)];
  }

  /** Whether the agent may forget now what the store had before it was put back. */
  mayHappen(kill: Kill): boolean {
    const [unit] = this.unitsOf(kill);
    return kill.target !== 'agent-older' || this.#hasSentAgain((unit as { agent: string }).agent);
  }

  #hasSentAgain(name: string): boolean {
    return !this.#outdated.has(name) && pendingOnDisk(this.#options.place.agentDirectory(name)) <= FEW;
  }

  /** What it believes is from before the store was put back: it has not heard of that yet. */
  isOutdated(name: string): boolean {
    return this.#outdated.has(name);
  }

  /** The store has what the agent believes. */
  agrees(name: string): void {
    this.#outdated.delete(name);
  }

  #unitOf({ target, lot }: Kill): Unit {
    if (target === 'agent' || target === 'agent-older') {
      const { agents } = this.#options.place;
      return { agent: agents[Math.floor(lot * agents.length)]?.name ?? '' };
    }
    if (target === 'registry' || target.startsWith('ingest.'))
      return lot < 0.5 && this.#options.place.second ? 'registry-2' : 'registry';
    return target.split('-')[0] as Unit;
  }

  /** The first images: of every agent's folder, the broker's and PostgreSQL's. */
  async takeImages(): Promise<void> {
    const { place } = this.#options;
    cpSync(place.in('nats', 'claims'), this.#image('claims'), { recursive: true });
    for (const { name, pid } of place.agents) takeImage(pid, place.agentDirectory(name), this.#image(name));
    this.takePostgresImage();
  }

  takePostgresImage(): void {
    const { place } = this.#options;
    takeImage(place.pidOf('postgres'), place.in('postgres', 'data'), this.#image('postgres'));
    prepare(this.#image('postgres'));
  }

  #image(name: string): string {
    return `${this.#options.images}/${name}`;
  }

  /** False where there was nobody to kill; `onDeath` before anything comes back. Resolves when the unit is back. */
  async kill({ target, lot }: Kill, onDeath: () => void): Promise<boolean> {
    const { place } = this.#options;
    const unit = this.#unitOf({ target, lot });
    const pid = place.pidOf(unit);
    if (pid === 0) return false;
    if (target.startsWith('ingest.')) {
      if (!(await this.#diesAt(target as Failpoint, unit))) return false;
      onDeath();
    } else {
      process.kill(pid, target === 'postgres-immediate' ? 'SIGQUIT' : 'SIGKILL');
      await gone(pid);
      onDeath();
      await this.#after(target, unit);
    }
    await place.back(unit, pid);
    if (target.endsWith('-older') && target !== 'nats-older') this.#settled(target, unit);
    return true;
  }

  async #after(target: Target, unit: Unit): Promise<void> {
    const { place } = this.#options;
    const claims = place.in('nats', 'claims');
    switch (target) {
      case 'nats-emptied':
        return rmSync(claims, { recursive: true, force: true });
      case 'nats-older':
        rmSync(claims, { recursive: true, force: true });
        return cpSync(this.#image('claims'), claims, { recursive: true });
      case 'postgres-older':
        this.#generation += 1;
        for (const { name } of place.agents) this.#outdated.add(name);
        return putBack(this.#image('postgres'), place.in('postgres', 'data'));
      case 'agent':
      case 'agent-older':
        return this.#agentDied(target, (unit as { agent: string }).agent);
    }
  }

  /** What the disk had until now and will not have any more is written down; what was acknowledged stays due. */
  async #agentDied(target: 'agent' | 'agent-older', name: string): Promise<void> {
    const { place } = this.#options;
    if (target === 'agent-older') {
      this.remember(name);
      putBack(this.#image(name), place.agentDirectory(name));
    }
    // The launcher may not have noticed yet that the agent it is asked for has died.
    while (place.pidOf({ agent: name }) === 0) await place.agent('start', name);
  }

  /** Writes down what an agent that does not run has on its disk. */
  remember(name: string): void {
    const { place, ledger } = this.#options;
    const id = place.agents.find((agent) => agent.name === name)?.id ?? '';
    ledger.remember(id, readJournal(place.agentDirectory(name)));
  }

  /**
   * What an agent has forgotten only the store has. Nobody could bring it back if the store forgot it too, so the
   * store's image is from after that; and what is put back next time is another one.
   */
  #settled(target: Target, unit: Unit): void {
    const { place } = this.#options;
    if (target === 'agent-older') {
      const { agent } = unit as { agent: string };
      const pid = place.pidOf(unit);
      if (pid !== 0) takeImage(pid, place.agentDirectory(agent), this.#image(agent));
    }
    this.takePostgresImage();
  }

  /** The process takes the file away as it dies there. */
  async #diesAt(name: Failpoint, registry: Unit): Promise<boolean> {
    const file = this.#options.failpointFile(name, registry);
    writeFileSync(file, '');
    for (let waited = 0; existsSync(file); waited += 50) {
      if (waited > PASSING_MS) {
        rmSync(file, { force: true });
        return false;
      }
      await delay(50);
    }
    return true;
  }
}

async function gone(pid: number): Promise<void> {
  while (stateOf(pid) !== undefined && stateOf(pid) !== 'Z') await delay(10);
}

function stateOf(pid: number): string | undefined {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
