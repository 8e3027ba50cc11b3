import type postgres from 'postgres';
import { endsSession, SessionLostError } from './failures.js';
import type { Types } from './types.js';

/** Where statements are made and run: a transaction, or a pool where it need not be one. */
export type Executor = postgres.ISql<Types>;

/** A statement as the client makes it: lazy, a promise, run by the handler it carries. */
interface Statement extends Promise<unknown> {
  handler(statement: Statement): void;
  reject(error: unknown): void;
  resolve(value: unknown): void;
}

const ROLLED_BACK = Symbol('rolled back');

/**
 * One connection held for one transaction. The client would run later statements of a lost one on a new connection,
 * outside of any transaction, or bring the process down; here each of them is rejected.
 */
export class Session {
  /** Statements of this transaction; fragments, identifiers and typed values are made here too. */
  readonly sql: Executor;
  /** Settling it makes the client send COMMIT or ROLLBACK, so it stays open once the connection is lost. */
  readonly #end: PromiseWithResolvers<void>;
  readonly #pending = new Set<Statement>();
  readonly #outcome: Promise<unknown>;
  #lost = false;

  private constructor(executor: Executor, outcome: Promise<unknown>, end: PromiseWithResolvers<void>) {
    this.sql = guarded(executor, (made) => this.#guard(made));
    this.#outcome = outcome;
    this.#end = end;
    outcome.catch(() => this.#lose());
  }

  /** Settles when the connection was given back or lost. */
  get ended(): Promise<unknown> {
    return this.#outcome;
  }

  /** Opens a transaction on a connection of its own; `characteristics` may follow BEGIN, for example `read only`. */
  static async begin(pool: postgres.Sql<Types>, characteristics = ''): Promise<Session> {
    const opened = Promise.withResolvers<Executor>();
    const end = Promise.withResolvers<void>();
    const outcome = pool.begin(characteristics, (executor) => {
      opened.resolve(executor);
      return end.promise;
    });
    outcome.catch(opened.reject);
    return new Session(await opened.promise, outcome, end);
  }

  /** Rejects where the outcome is a rollback or unknown. */
  async commit(): Promise<void> {
    if (this.#lost) throw new SessionLostError();
    this.#end.resolve();
    await this.#outcome;
  }

  /** Never rejects: where the connection is gone, so is the transaction. */
  async rollback(): Promise<void> {
    if (this.#lost) return;
    this.#end.reject(ROLLED_BACK);
    await this.#outcome.catch(() => undefined);
  }

  #lose(): void {
    this.#lost = true;
    for (const statement of this.#pending) statement.reject(new SessionLostError());
  }

  #guard<T>(made: T): T {
    if (!isStatement(made)) return made;
    const { handler, reject, resolve } = made;
    made.handler = (statement) => {
      if (this.#lost) return reject(new SessionLostError());
      this.#pending.add(made);
      handler(statement);
    };
    made.reject = (error) => {
      this.#pending.delete(made);
      if (endsSession(error)) this.#lost = true;
      reject(error);
    };
    made.resolve = (value) => {
      this.#pending.delete(made);
      resolve(value);
    };
    return made;
  }
}

function guarded(executor: Executor, guard: <T>(made: T) => T): Executor {
  const call = executor as unknown as (...args: unknown[]) => unknown;
  return new Proxy(executor, {
    apply: (_target, _self, args: unknown[]) => guard(call(...args)),
    get: (_target, key) => {
      const value: unknown = Reflect.get(executor, key);
      if (key !== 'unsafe' && key !== 'file') return value;
      return (...args: unknown[]) => guard((value as typeof call)(...args));
    },
  });
}

/** Fragments and statements are the same thing to the client; identifiers and values are not. */
function isStatement(made: unknown): made is Statement {
  return made instanceof Promise && 'handler' in made;
}
