import { setTimeout as delay } from 'node:timers/promises';
import { newId } from '@keyfleet/platform';
import postgres, { type Sql } from 'postgres';
import { NEVER } from './protocol.js';

export interface DisturberOptions {
  readonly superuserUrl: string;
  readonly storeUrl: string;
  readonly random: () => number;
}

const BETWEEN_MS = 30;

/**
 * Cancels what writers run, now and then ends their session, and stands in their line itself with slow transactions
 * that it rolls back.
 */
export class Disturber {
  readonly #admin: Sql;
  readonly #store: Sql;
  readonly #random: () => number;
  readonly #done: Promise<unknown>;
  #stopped = false;
  cancelled = 0;
  rolledBack = 0;

  constructor({ superuserUrl, storeUrl, random }: DisturberOptions) {
    this.#admin = postgres(superuserUrl, { max: 1, onnotice: () => {} });
    this.#store = postgres(storeUrl, { max: 2, onnotice: () => {}, fetch_types: false });
    this.#random = random;
    this.#done = Promise.all([this.#cancel(), this.#standInLine()]);
  }

  async #cancel(): Promise<void> {
    for (let n = 1; !this.#stopped; n += 1) {
      const end = n % 10 === 0 ? 'pg_terminate_backend' : 'pg_cancel_backend';
      const rows = await this.#admin.unsafe(`
        select ${end}(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'order w%write' and state = 'active'
         order by random() limit 1`);
      this.cancelled += rows.length;
      await delay(this.#random() * 2 * BETWEEN_MS);
    }
  }

  async #standInLine(): Promise<void> {
    while (!this.#stopped) {
      await this.#store
        .begin(async (tx) => {
          await delay(this.#random() * 4);
          await appendRaw(tx);
          await delay(this.#random() * 2);
          throw new RolledBack();
        })
        .catch((error) => {
          if (!(error instanceof RolledBack)) throw error;
          this.rolledBack += 1;
        });
      await delay(this.#random() * 4 * BETWEEN_MS);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await Promise.all([this.#admin.end(), this.#store.end()]);
  }
}

class RolledBack extends Error {}

/** What the driver sends for one event, to a stream that is not there. */
async function appendRaw(tx: Pick<Sql, 'unsafe'>): Promise<void> {
  const [stream, id] = [`slow-${newId('evt')}`, newId('evt').slice('evt_'.length)];
  const names = [stream, '{-1}', '{1,2}', 'slow', NEVER, '{1}', '{NULL}'];
  await tx.unsafe('select * from store.append_group($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)', [
    ...names,
    ...['{1}', '{1}', `{${id}}`, '{}', '[]', '{0}'],
  ]);
}
