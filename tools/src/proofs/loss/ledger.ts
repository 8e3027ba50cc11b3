import Database from 'better-sqlite3';
import type { DiskEntry } from './agent-disk.js';

/**
 * What every real agent recorded, in its order, on disk: a million ids need no memory. An id keeps the place it had
 * when it was first seen, also where its agent's disk was put back to before it.
 */
export class Ledger {
  readonly #file: Database.Database;
  readonly #add;
  readonly #due;
  readonly #find;
  readonly #mark;
  readonly #shown;
  readonly #confirm;

  /** A new file; `:memory:` for tests. */
  constructor(path: string) {
    this.#file = new Database(path);
    this.#file.pragma('journal_mode = OFF');
    this.#file.pragma('synchronous = OFF');
    this.#file.exec(`
      CREATE TABLE recorded (
        place INTEGER PRIMARY KEY, agent TEXT NOT NULL, id TEXT NOT NULL UNIQUE, written TEXT,
        due INTEGER NOT NULL DEFAULT 0, stored INTEGER NOT NULL DEFAULT 0, shown INTEGER NOT NULL DEFAULT 0);
      CREATE INDEX by_write ON recorded (agent, written);
      CREATE TABLE confirmed (agent TEXT NOT NULL, written TEXT NOT NULL);`);
    this.#add = this.#file.prepare<[string, string, string | null]>(
      'INSERT INTO recorded (agent, id, written) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.#due = this.#file.prepare<[string, string]>(
      'UPDATE recorded SET due = 1 WHERE agent = ? AND id = ? AND due = 0',
    );
    this.#find = this.#file.prepare<[string, string], { place: number; stored: number }>(
      'SELECT place, stored FROM recorded WHERE agent = ? AND id = ?',
    );
    this.#mark = this.#file.prepare<[number]>('UPDATE recorded SET stored = stored + 1 WHERE place = ?');
    this.#confirm = this.#file.prepare<[string, string]>(
      'INSERT INTO confirmed (agent, written) VALUES (?, ?)',
    );
    this.#shown = this.#file.prepare<[string, string]>(
      'UPDATE recorded SET shown = shown + 1 WHERE agent = ? AND id = ?',
    );
  }

  /** In the order they were recorded; an entry is due once the control plane promised its agent to have it. */
  remember(agent: string, entries: Iterable<DiskEntry>): void {
    this.together(() => {
      for (const { id, acknowledged, written } of entries) {
        this.#add.run(agent, id, written);
        if (acknowledged) this.#due.run(agent, id);
      }
    });
  }

  /** A write that the agent's API confirmed, as `path@version`. */
  confirm(agent: string, writes: Iterable<string>): void {
    this.together(() => {
      for (const written of writes) this.#confirm.run(agent, written);
    });
  }

  /** Counts it as stored; its place among what was recorded and how often it was stored before, if anybody recorded it. */
  store(agent: string, id: string): { readonly place: number; readonly stored: number } | undefined {
    const found = this.#find.get(agent, id);
    if (found) this.#mark.run(found.place);
    return found;
  }

  /** False where nobody recorded it. */
  show(agent: string, id: string): boolean {
    return this.#shown.run(agent, id).changes === 1;
  }

  /** So many statements become one commit. */
  together<T>(work: () => T): T {
    return this.#file.transaction(work)();
  }

  get recorded(): number {
    return this.#count('SELECT count(*) FROM recorded');
  }

  get lost(): number {
    return this.#count('SELECT count(*) FROM recorded WHERE due = 1 AND stored = 0');
  }

  /** Stored, and not shown exactly once; of the agents whose timelines were read. */
  misshown(agents: readonly string[]): number {
    return this.#count(
      `SELECT count(*) FROM recorded WHERE stored > 0 AND shown <> 1
       AND agent IN (SELECT value FROM json_each('${JSON.stringify(agents)}'))`,
    );
  }

  get unrecorded(): number {
    return this.#count(
      `SELECT count(*) FROM confirmed c WHERE NOT EXISTS
       (SELECT 1 FROM recorded r WHERE r.agent = c.agent AND r.written = c.written)`,
    );
  }

  close(): void {
    this.#file.close();
  }

  #count(statement: string): number {
    return this.#file.prepare<[], number>(statement).pluck().get() as number;
  }
}
