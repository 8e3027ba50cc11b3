import { ErrorType, type JSONType, jsonEvent } from '@kurrent/kurrentdb-client';
import { typeOf } from './failures.js';
import type { Link } from './link.js';
import type { Raw } from './records.js';

/** What was removed, as facts of the log: every client hides the same, at once and before any scavenge. */
export type Rule = { readonly upTo: string } & (
  | { readonly category: string; readonly before: string }
  | { readonly orgId: string }
);

/** Outside of the grammar of our streams, so that no reader takes it for one of them. */
export const RULES_STREAM = 'keyfleet_retention';

export class Rules {
  readonly #link: Link;
  #rules: readonly Rule[] = [];
  #next = 0n;
  #upTo = 0n;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Up to here the log was full when the last rule was made, whatever a scavenge has taken since. */
  get upTo(): bigint {
    return this.#upTo;
  }

  /** Learns what was removed since it was last asked. */
  async refresh(): Promise<void> {
    const from = this.#next;
    const fresh = await this.#link.run(async (client) => {
      const rules: Rule[] = [];
      try {
        const found = client.readStream(RULES_STREAM, { fromRevision: from, requiresLeader: true });
        for await (const { event } of found) rules.push(event?.data as unknown as Rule);
      } catch (error) {
        if (typeOf(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
      }
      return rules;
    });
    // Another call may have learned the same meanwhile.
    const unknown = fresh.slice(Number(this.#next - from));
    if (unknown.length === 0) return;
    this.#next += BigInt(unknown.length);
    this.#rules = [...this.#rules, ...unknown];
    for (const { upTo } of unknown) if (BigInt(upTo) > this.#upTo) this.#upTo = BigInt(upTo);
  }

  async add(rule: Rule): Promise<void> {
    const data = rule as unknown as JSONType;
    const event = jsonEvent({ type: 'EventsRemoved', data });
    await this.#link.run((client) => client.appendToStream(RULES_STREAM, event));
    await this.refresh();
  }

  hides(raw: Raw): boolean {
    return this.#rules.some((rule) => raw.at <= BigInt(rule.upTo) && concerns(rule, raw));
  }
}

export function concerns(rule: Rule, { category, event }: Raw): boolean {
  if ('orgId' in rule) return event.metadata.orgId === rule.orgId;
  return category === rule.category && event.recordedAt < rule.before;
}
