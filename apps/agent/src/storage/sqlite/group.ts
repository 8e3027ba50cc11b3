import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import type { Change } from '../port.js';
import { type SqliteDatabase, sqliteCode } from './database.js';

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupSteps {
  /** What may find its expectations broken; throws then. */
  readonly attempt: (change: Change) => void;
  /** What is told of the changes that held; cannot fail but by the disk. */
  readonly record: (changes: readonly Change[]) => void;
  /** After the commit. */
  readonly committed: () => void;
}

/** More than this waits for the next group, so that nobody waits long behind others. */
const MAX_GROUP = 500;

/**
 * Everything that arrives in one turn of the event loop shares one transaction and one sync to disk: under load a sync
 * serves many requests, and alone nobody waits for company. Each change stands or falls alone.
 */
export class GroupCommit {
  readonly #database: SqliteDatabase;
  readonly #steps: GroupSteps;
  readonly #savepoint;
  #waiting: Waiting[] = [];
  #scheduled = false;

  constructor(database: SqliteDatabase, steps: GroupSteps) {
    this.#database = database;
    this.#steps = steps;
    this.#savepoint = {
      begin: database.handle.prepare('SAVEPOINT one'),
      undo: database.handle.prepare('ROLLBACK TO one'),
      release: database.handle.prepare('RELEASE one'),
    };
  }

  add(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Commits everything that waits, now. */
  drain(): void {
    while (this.#waiting.length > 0) this.#flush();
  }

  #flush(): void {
    const group = this.#waiting.splice(0, MAX_GROUP);
    if (this.#waiting.length > 0) this.#schedule();
    if (group.length === 0) return;
    const refused = new Map<Waiting, unknown>();
    try {
      this.#database.transaction(() => {
        for (const one of group) this.#attempt(one, refused);
        this.#steps.record(group.filter((one) => !refused.has(one)).map(({ change }) => change));
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const one of group) refused.has(one) ? one.reject(refused.get(one)) : one.resolve();
    this.#steps.committed();
  }

  #attempt(one: Waiting, refused: Map<Waiting, unknown>): void {
    const { change } = one;
    if (!change.secrets && !change.keys && !change.apiKeys && !change.policy) return;
    this.#savepoint.begin.run();
    try {
      this.#steps.attempt(change);
    } catch (error) {
      const broken = asConflict(error);
      // A refusal of the disk ends the transaction, and with it the whole group.
      if (!broken || !this.#database.handle.inTransaction) throw error;
      this.#savepoint.undo.run();
      refused.set(one, broken);
    }
    this.#savepoint.release.run();
  }
}

/** A broken constraint is an expectation that did not hold, such as a key destroyed meanwhile. */
function asConflict(error: unknown): KeyfleetError | undefined {
  if (isKeyfleetError(error)) return error as KeyfleetError;
  return sqliteCode(error).startsWith('SQLITE_CONSTRAINT')
    ? new KeyfleetError('revision.conflict')
    : undefined;
}
