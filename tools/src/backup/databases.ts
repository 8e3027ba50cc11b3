import { createDatabase, dropDatabase, urlOfDatabase } from '@keyfleet/embedded';
import {
  beginTransaction,
  closeSql,
  createSql,
  errorCode,
  type Session,
  type Sql,
  transaction,
} from '@keyfleet/postgres';
import { BackupFailure, isBackupFailure } from './failure.js';

/** Database names beside the one in use. */
export const restoringName = (database: string): string => `${database}_restoring`;
const previousName = (database: string, stamp: string): string => `${database}_before_${stamp}`;

/** `object_in_use`: nobody may be connected to a database that gets another name. */
const IN_USE = '55006';
const SWITCH_BACK_ATTEMPTS = 5;

const NAME = 'keyfleet-restore';

/** Makes, renames and drops databases as the superuser; it reads no row of any of them. */
export class Databases {
  readonly #adminUrl: string;
  readonly #database: string;
  #held: Session | undefined;

  constructor(adminUrl: string, database: string) {
    this.#adminUrl = adminUrl;
    this.#database = database;
  }

  /**
   * Only one restore of a database at a time, from whichever machine (`restore.running`): a second one would take the
   * first one's half-loaded database away, or be put in place by it.
   */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const url = urlOfDatabase(this.#adminUrl, 'postgres');
    const pool = createSql({ url, applicationName: NAME, max: 1, idleInTransactionTimeoutMs: 0 });
    const session = await beginTransaction(pool).catch(async (error: unknown) => {
      await closeSql(pool);
      throw error;
    });
    try {
      const [row] = await session.sql<{ mine: boolean }[]>`
        select pg_try_advisory_xact_lock(hashtextextended(${`keyfleet-restore ${this.#database}`}, 0)) as mine`;
      if (!row?.mine) throw new BackupFailure('restore.running', 'Another restore is under way.');
      this.#held = session;
      return await work();
    } finally {
      this.#held = undefined;
      await session.rollback();
      await closeSql(pool);
    }
  }

  async exists(): Promise<boolean> {
    return this.#asAdmin(
      async (sql) => (await sql`select 1 from pg_database where datname = ${this.#database}`).length > 0,
    );
  }

  /** Who is connected to the database in use, by what they call themselves. */
  async users(): Promise<string[]> {
    return this.#asAdmin(async (sql) => {
      const rows = await sql<{ name: string }[]>`
        select distinct coalesce(nullif(application_name, ''), 'a client without a name') as name
        from pg_stat_activity where datname = ${this.#database} and pid <> pg_backend_pid() order by 1`;
      return rows.map(({ name }) => name);
    });
  }

  async refuseUsed(): Promise<void> {
    const users = await this.users();
    if (users.length > 0)
      throw new BackupFailure(
        'restore.running',
        `The database is in use by ${users.slice(0, 5).join(', ')}.`,
      );
  }

  /** An empty one beside the one in use; what a restore that was killed left there goes first. */
  async makeBeside(): Promise<void> {
    await this.dropBeside();
    await createDatabase({ url: this.#adminUrl }, restoringName(this.#database), { owner: 'kf_owner' });
  }

  dropBeside(): Promise<void> {
    return dropDatabase({ url: this.#adminUrl }, restoringName(this.#database));
  }

  /** Both names change in one transaction, so that there is always a database, and only one. The name of the old one, if any. */
  async switch(stamp: string): Promise<string | undefined> {
    const previous = previousName(this.#database, stamp);
    const there = await this.exists();
    // A lost session holds no lock: what lies beside may be another restore's by now.
    if (this.#held) await this.#held.sql`select 1`;
    await this.#renamed([
      ...(there ? [[this.#database, previous] as const] : []),
      [restoringName(this.#database), this.#database],
    ]);
    return there ? previous : undefined;
  }

  /** The old one again. Whoever came to the new one meanwhile is cut off: nothing of it is to stay. */
  async switchBack(previous: string | undefined): Promise<void> {
    for (let left = SWITCH_BACK_ATTEMPTS; ; ) {
      await this.#cutOff();
      try {
        return await this.#renamed([
          [this.#database, restoringName(this.#database)],
          ...(previous ? [[previous, this.#database] as const] : []),
        ]);
      } catch (error) {
        // A client that comes again at once may be there again; the server waits some seconds for it to go.
        left -= 1;
        if (left === 0 || !isBackupFailure(error)) throw error;
      }
    }
  }

  async #cutOff(): Promise<void> {
    await this.#asAdmin(
      (sql) => sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${this.#database} and pid <> pg_backend_pid()`,
    );
  }

  async previous(): Promise<string[]> {
    return this.#asAdmin(async (sql) => {
      const rows = await sql<{ name: string }[]>`
        select datname as name from pg_database
        where starts_with(datname, ${previousName(this.#database, '')}) order by 1`;
      return rows.map(({ name }) => name);
    });
  }

  dropPrevious(): Promise<string[]> {
    return this.alone(async () => {
      const names = await this.previous();
      for (const name of names) await dropDatabase({ url: this.#adminUrl }, name);
      return names;
    });
  }

  async #renamed(steps: readonly (readonly [from: string, to: string])[]): Promise<void> {
    const renaming = this.#asAdmin((sql) =>
      transaction(sql, async (tx) => {
        for (const [from, to] of steps) await tx`alter database ${tx(from)} rename to ${tx(to)}`;
      }),
    );
    await renaming.catch((cause: unknown) => {
      if (errorCode(cause) !== IN_USE) throw cause;
      throw new BackupFailure('restore.running', 'Something connected to the database meanwhile.', { cause });
    });
  }

  async #asAdmin<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const url = urlOfDatabase(this.#adminUrl, 'postgres');
    const sql = createSql({ url, applicationName: NAME, max: 1 });
    try {
      return await work(sql);
    } finally {
      await closeSql(sql);
    }
  }
}
