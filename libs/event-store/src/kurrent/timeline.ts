import type { Raw } from './records.js';

interface Dip {
  readonly from: bigint;
  to: bigint;
  readonly ceiling: string;
}

const PLACES = 1_000;

/**
 * `recordedAt` as the running maximum of the server's `created`, which falls where a clock was set back or another
 * node became leader. Where it fell is remembered as a range of positions, so that every later read says the same.
 */
export class Timeline {
  readonly #dips: Dip[] = [];
  /** The maximum at places where reading stopped and may go on. */
  readonly #places = new Map<bigint, string>();

  at(place: bigint): string | undefined {
    return place === 0n ? '' : this.#places.get(place);
  }

  keep(place: bigint, ceiling: string): void {
    this.#places.delete(place);
    this.#places.set(place, ceiling);
    if (this.#places.size > PLACES) this.#places.delete(this.#places.keys().next().value as bigint);
  }

  /** Of everything between a place and the end of the list, in order; returns the events with their time raised. */
  raise(raws: readonly Raw[], floor: string): { readonly raised: Raw[]; readonly ceiling: string } {
    let ceiling = floor;
    const raised = raws.map((raw) => {
      if (raw.event.recordedAt >= ceiling) {
        ceiling = raw.event.recordedAt;
        return raw;
      }
      this.#dip(raw.at, ceiling);
      return withTime(raw, ceiling);
    });
    return { raised, ceiling };
  }

  /** Of events out of the log's sequence, such as one stream's: as far as was learned from reading the log. */
  known(raw: Raw): Raw {
    const dip = this.#dips.find(({ from, to }) => raw.at >= from && raw.at <= to);
    return dip && dip.ceiling > raw.event.recordedAt ? withTime(raw, dip.ceiling) : raw;
  }

  #dip(at: bigint, ceiling: string): void {
    const known = this.#dips.find((dip) => dip.ceiling === ceiling);
    if (!known) this.#dips.push({ from: at, to: at, ceiling });
    else if (at > known.to) known.to = at;
  }
}

function withTime(raw: Raw, recordedAt: string): Raw {
  return { ...raw, event: { ...raw.event, recordedAt } };
}
