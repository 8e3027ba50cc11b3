import { setTimeout as delay } from 'node:timers/promises';
import { journalStream } from '@keyfleet/contracts';
import type { EventStore } from '@keyfleet/event-store';
import { acknowledgedOnDisk } from './agent-disk.js';
import type { Killer } from './kills.js';
import type { Place } from './place.js';

export interface WatermarksOptions {
  readonly place: Place;
  readonly store: EventStore;
  readonly killer: Killer;
}

/** Longer than a restart of PostgreSQL takes. */
const ANSWERED_MS = 120_000;

/**
 * What an agent was told is committed is committed, at any moment: looked at after every kill, because what agents send
 * again later would hide it.
 */
export class Watermarks {
  readonly #options: WatermarksOptions;
  #early = 0;
  #looks = 0;

  constructor(options: WatermarksOptions) {
    this.#options = options;
  }

  /** Acknowledged to an agent before it was committed. */
  get early(): number {
    return this.#early;
  }

  get looks(): number {
    return this.#looks;
  }

  async look(): Promise<void> {
    const { place, killer } = this.#options;
    const { generation } = killer;
    // First what agents believe, then what the store has: in between it can only have become more.
    const believed = place.agents.map(({ id, name }) => ({
      id,
      name,
      at: acknowledgedOnDisk(place.agentDirectory(name)),
    }));
    for (const { id, name, at } of believed) {
      if (!at || at.seq === 0) continue;
      const stored = await this.#revision(journalStream(id, at.epoch));
      if (killer.generation !== generation) return;
      this.#looks += 1;
      if (stored !== null && Number(stored) + 1 >= at.seq) killer.agrees(name);
      else if (!killer.isOutdated(name)) this.#early += 1;
    }
  }

  async #revision(stream: string): Promise<bigint | null> {
    const until = performance.now() + ANSWERED_MS;
    for (;;) {
      try {
        return await this.#options.store.streamRevision(stream);
      } catch (error) {
        if (performance.now() > until) throw error;
        await delay(200);
      }
    }
  }
}
