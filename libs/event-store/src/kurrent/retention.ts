import type { EventFilter, Position } from '../port.js';
import { BEGINNING } from '../position.js';
import type { Link } from './link.js';
import type { Reader } from './reader.js';
import type { Raw } from './records.js';
import { concerns, type Rule, type Rules } from './rules.js';

const PAGE = 1_000;

interface Prefix {
  /** The first revision that stays, or the newest, which always does. */
  firstKept: bigint;
  removed: boolean;
  ended: boolean;
}

/**
 * The server lets go of the beginning of a stream only, and of the log's space only by a scavenge. So what goes is
 * written down as a rule that every reader keeps to at once, and beginnings are given up for the next scavenge.
 */
export class Retention {
  readonly #link: Link;
  readonly #reader: Reader;
  readonly #rules: Rules;

  constructor(link: Link, reader: Reader, rules: Rules) {
    this.#link = link;
    this.#reader = reader;
    this.#rules = rules;
  }

  async trim(category: string, before: string): Promise<number> {
    const upTo = await this.#reader.head();
    return this.#remove({ category, before, upTo }, { categories: [category] });
  }

  async erase(orgId: string): Promise<number> {
    const upTo = await this.#reader.head();
    return this.#remove({ orgId, upTo }, undefined);
  }

  async #remove(rule: Rule, filter: EventFilter | undefined): Promise<number> {
    await this.#rules.refresh();
    const prefixes = new Map<string, Prefix>();
    let removed = 0;
    for await (const raw of this.#upTo(rule.upTo, filter)) {
      const hidden = this.#rules.hides(raw);
      const goes = !hidden && concerns(rule, raw);
      if (goes) removed += 1;
      reach(prefixes, raw, { goes, gone: hidden });
    }
    if (removed === 0) return 0;
    // First the beginnings: broken off here, the same is done again by the next call.
    for (const [stream, { firstKept, removed: any }] of prefixes)
      if (any)
        await this.#link.run((client) =>
          client.setStreamMetadata(stream, { truncateBefore: Number(firstKept) }),
        );
    await this.#rules.add(rule);
    return removed;
  }

  async *#upTo(head: Position, filter: EventFilter | undefined): AsyncGenerator<Raw> {
    for (let after = BEGINNING; ; ) {
      const { raws, last, full } = await this.#reader.page({ after, filter, limit: PAGE });
      for (const raw of raws) if (raw.at <= BigInt(head)) yield raw;
      if (!full || last === undefined || last > BigInt(head)) return;
      after = String(last);
    }
  }
}

function reach(
  prefixes: Map<string, Prefix>,
  { event }: Raw,
  { goes, gone }: { readonly goes: boolean; readonly gone: boolean },
): void {
  const prefix = prefixes.get(event.stream) ?? { firstKept: event.revision, removed: false, ended: false };
  prefixes.set(event.stream, prefix);
  if (prefix.ended) return;
  prefix.firstKept = event.revision;
  prefix.removed ||= goes;
  prefix.ended = !goes && !gone;
}
