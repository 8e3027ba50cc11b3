import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { urlOfDatabase } from '@keyfleet/embedded';
import { beginTransaction, closeSql, type Executor, type Session } from '@keyfleet/postgres';
import { BackupFailure } from './failure.js';
import type { BackupHead } from './format.js';
import type { Place, Role } from './place.js';
import { openPool } from './snapshot.js';
import { KEPT_TABLES, type KeptTable, kept, type Writer } from './tables.js';

/** Puts rows into the empty tables of a database beside the one in use, each as a role that may write them. */
export class Loader {
  readonly #sessions = new Map<Writer, Session>();
  readonly #close: (() => Promise<void>)[] = [];
  readonly #place: Pick<Place, 'url'>;
  readonly #database: string;
  #head: BackupHead | undefined;
  #current: Copying | undefined;

  constructor(place: Pick<Place, 'url'>, database: string) {
    this.#place = place;
    this.#database = database;
  }

  begin(head: BackupHead): void {
    this.#head = head;
  }

  async rows(name: string, rows: Buffer): Promise<void> {
    if (this.#current?.table.name !== name) {
      await this.#current?.end();
      this.#current = await Copying.start(await this.#session(name), this.#described(name));
    }
    await this.#current.write(rows);
  }

  /** Commits what was read to its end. */
  async commit(): Promise<void> {
    await this.#current?.end();
    const owner = await this.#session('store.events');
    for (const table of KEPT_TABLES) if (table.identity) await continueNumbers(owner, table);
    for (const session of this.#sessions.values()) await session.commit();
    this.#sessions.clear();
    await this.#closeAll();
  }

  /** Nothing of it is kept. */
  async abandon(): Promise<void> {
    await this.#current?.destroy();
    for (const session of this.#sessions.values()) await session.rollback();
    await this.#closeAll();
  }

  async #closeAll(): Promise<void> {
    await Promise.all(this.#close.splice(0).map((close) => close()));
  }

  #described(name: string): Described {
    const table = kept(name);
    const columns = this.#head?.tables.find((one) => one.name === name)?.columns;
    if (!table || !columns) throw new BackupFailure('restore.not-a-backup', `${name} is not described.`);
    return { table, columns };
  }

  async #session(name: string): Promise<Executor> {
    const writer = kept(name)?.writer ?? 'owner';
    let session = this.#sessions.get(writer);
    if (!session) {
      const pool = openPool(
        urlOfDatabase(this.#place.url(writer satisfies Role), this.#database),
        'keyfleet-restore',
      );
      this.#close.push(() => closeSql(pool));
      session = await beginTransaction(pool);
      this.#sessions.set(writer, session);
    }
    return session.sql;
  }
}

interface Described {
  readonly table: KeptTable;
  /** Checked to be identifiers when they were read. */
  readonly columns: readonly string[];
}

/** COPY into one table. Where row security holds for its writer, COPY is not allowed: rows go over a table of the session. */
class Copying {
  readonly table: KeptTable;
  readonly #tx: Executor;
  readonly #columns: string;
  readonly #stream: Writable;

  private constructor(tx: Executor, { table, columns }: Described, stream: Writable) {
    this.#tx = tx;
    this.table = table;
    this.#columns = columns.join(', ');
    this.#stream = stream;
  }

  static async start(tx: Executor, described: Described): Promise<Copying> {
    const { table, columns } = described;
    const target = isDirect(table) ? table.name : INCOMING;
    if (table.name === 'store.floor') await tx`delete from store.floor`;
    if (!isDirect(table)) {
      await tx.unsafe(`drop table if exists ${INCOMING}`).simple();
      await tx
        .unsafe(
          `create temporary table ${INCOMING} as select ${columns.join(', ')} from ${table.name} limit 0`,
        )
        .simple();
    }
    const stream = await tx.unsafe(`copy ${target} (${columns.join(', ')}) from stdin`).writable();
    return new Copying(tx, described, stream);
  }

  write(rows: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(error);
      this.#stream.once('error', failed);
      this.#stream.write(rows, (error) => {
        this.#stream.off('error', failed);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  async end(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
    if (isDirect(this.table)) return;
    await this.#tx
      .unsafe(`insert into ${this.table.name} (${this.#columns}) select ${this.#columns} from ${INCOMING}`)
      .simple();
  }

  async destroy(): Promise<void> {
    this.#stream.on('error', () => {});
    this.#stream.destroy();
  }
}

const INCOMING = 'pg_temp.keyfleet_incoming';
const isDirect = ({ writer }: KeptTable): boolean => writer === 'owner';

/** The next number given out comes after those that were. */
async function continueNumbers(tx: Executor, { name, identity }: KeptTable): Promise<void> {
  await tx
    .unsafe(
      `select setval(pg_get_serial_sequence('${name}', '${identity}'), coalesce((select max(${identity}) from ${name}), 0) + 1, false)`,
    )
    .simple();
}
