import { type Clock, KeyfleetError } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import type { Revocations } from './agents.js';

const STALE_AFTER_MS = 500;

/**
 * Who stands in `registry.revocations`, asked at most twice a second whatever comes in. Rows are never taken away, so
 * as long as their number stays they are the same.
 */
export class PolledRevocations implements Revocations {
  readonly #sql: Sql;
  readonly #clock: Clock;
  #agents = new Set<string>();
  #rows = -1n;
  #freshAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  async has(agentId: string): Promise<boolean> {
    if (this.#clock.monotonic() - this.#freshAt > STALE_AFTER_MS) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    return this.#agents.has(agentId);
  }

  async #ask(): Promise<void> {
    const asked = this.#clock.monotonic();
    try {
      const [found] = await this.#sql<{ rows: bigint }[]>`select count(*) as rows from registry.revocations`;
      const rows = found?.rows ?? 0n;
      if (rows !== this.#rows) {
        const all = await this.#sql<{ agent_id: string }[]>`
          select agent_id from registry.revocations where agent_id is not null`;
        this.#agents = new Set(all.map(({ agent_id }) => agent_id));
        this.#rows = rows;
      }
    } catch {
      throw new KeyfleetError('store.unavailable', { detail: 'The table of revocations does not answer.' });
    }
    this.#freshAt = asked;
  }
}
