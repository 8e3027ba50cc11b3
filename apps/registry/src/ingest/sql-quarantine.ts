import { type Clock, KeyfleetError } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import type { Quarantine, QuarantinedMessage } from './quarantine.js';

/** A hostile agent could send a new one with every message; beyond this they are only counted. */
const ROWS_PER_SECOND = 20;
const KEPT_ROWS = 100_000;
const KEPT_DAYS = 30;
const TIDY_MS = 3_600_000;

/** The table `registry.quarantine`, bounded in rate, rows and age. */
export class SqlQuarantine implements Quarantine {
  readonly #sql: Sql;
  readonly #clock: Clock;
  #second = 0;
  #inSecond = 0;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  async keep({ sha256, subject, reason, pointers, size }: QuarantinedMessage): Promise<void> {
    if (!this.#mayWrite()) return;
    try {
      await this.#sql`
        insert into registry.quarantine (sha256, subject, reason, pointers, size)
        values (${sha256}, ${subject}, ${reason}, ${[...pointers]}, ${size})
        on conflict (sha256, subject) do update set times = quarantine.times + 1, last_at = now()`;
      await this.#tidy();
    } catch (cause) {
      throw new KeyfleetError('store.unavailable', {
        detail: `The quarantine does not answer: ${nameOf(cause)}.`,
      });
    }
  }

  #mayWrite(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    this.#inSecond += 1;
    return this.#inSecond <= ROWS_PER_SECOND;
  }

  async #tidy(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#tidiedAt < TIDY_MS) return;
    this.#tidiedAt = now;
    await this.#sql`
      delete from registry.quarantine
       where last_at < now() - ${KEPT_DAYS} * interval '1 day'
          or last_at < (select last_at from registry.quarantine order by last_at desc offset ${KEPT_ROWS} limit 1)`;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
