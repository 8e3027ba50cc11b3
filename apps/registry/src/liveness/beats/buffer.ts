import type { Beat } from './beat.js';

/** More boots than this within one flush is a flood, not an agent. */
const MAX_BOOTS = 8;

/**
 * What came since the last flush, per agent in the order it came: the latest beat of each boot in turn. Bounded by the
 * fleet, so an outage of the database costs no more memory than one flush.
 */
export class BeatBuffer {
  #agents = new Map<string, Beat[]>();

  get size(): number {
    return this.#agents.size;
  }

  /** False for a beat that an earlier one has overtaken already. */
  add(beat: Beat): boolean {
    const beats = this.#agents.get(beat.agentId);
    const last = beats?.at(-1);
    if (!beats || !last) {
      this.#agents.set(beat.agentId, [beat]);
      return true;
    }
    if (last.bootId === beat.bootId) {
      if (beat.counter <= last.counter) return false;
      beats[beats.length - 1] = beat;
      return true;
    }
    if (beats.length === MAX_BOOTS) beats.shift();
    beats.push(beat);
    return true;
  }

  take(): (readonly Beat[])[] {
    const taken = [...this.#agents.values()];
    this.#agents = new Map();
    return taken;
  }

  /** What could not be written goes before what came since. */
  putBack(taken: readonly (readonly Beat[])[]): void {
    const since = this.take();
    for (const beats of [...taken, ...since]) for (const beat of beats) this.add(beat);
  }
}
