import { beginTransaction, closeSql, type Executor, type Session, type Sql } from '@keyfleet/postgres';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';

/** A statement longer than this has its row count in it and is not worth a name on the server: each count would be kept. */
const LONGEST_PREPARED = 4_096;

/**
 * Kysely over our pool. A statement outside of a transaction goes through the pool's pipeline and holds no connection;
 * a transaction has a connection of its own, and ends with it where it is lost.
 * (`kysely-postgres-js` reserves one for every statement and gives it back dead after a loss.)
 */
export function dialectOf(sql: Sql): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PooledDriver(sql),
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

class PooledDriver implements Driver {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PooledConnection> {
    return new PooledConnection(this.#sql);
  }

  async releaseConnection(): Promise<void> {}

  beginTransaction(connection: PooledConnection, settings: TransactionSettings): Promise<void> {
    return connection.begin(settings);
  }

  commitTransaction(connection: PooledConnection): Promise<void> {
    return connection.commit();
  }

  rollbackTransaction(connection: PooledConnection): Promise<void> {
    return connection.rollback();
  }

  destroy(): Promise<void> {
    return closeSql(this.#sql);
  }
}

class PooledConnection implements DatabaseConnection {
  readonly #sql: Sql;
  #session: Session | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async begin({ isolationLevel, accessMode }: TransactionSettings): Promise<void> {
    if (isolationLevel === 'snapshot' || isolationLevel === 'read uncommitted')
      throw new TypeError(`PostgreSQL has no isolation level "${isolationLevel}".`);
    const readOnly = accessMode === 'read only';
    this.#session = await beginTransaction(this.#sql, { isolation: isolationLevel, readOnly });
  }

  async commit(): Promise<void> {
    await this.#take().commit();
  }

  async rollback(): Promise<void> {
    await this.#take().rollback();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return executeCompiled<R>(this.#session?.sql ?? this.#sql, query);
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new TypeError('Read long results in pages: a cursor would hold its connection and its snapshot.');
  }

  #take(): Session {
    const session = this.#session;
    if (!session) throw new TypeError('There is no transaction on this connection.');
    this.#session = undefined;
    return session;
  }
}

const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** Runs what Kysely compiled, on a pool or in a transaction. */
export async function executeCompiled<R>(
  executor: Executor,
  query: Pick<CompiledQuery, 'sql' | 'parameters'>,
): Promise<QueryResult<R>> {
  const prepare = query.sql.length <= LONGEST_PREPARED;
  const result = await executor.unsafe(query.sql, [...query.parameters] as never[], { prepare });
  const numAffectedRows = CHANGES.has(result.command) ? BigInt(result.count) : undefined;
  return { rows: [...result] as R[], numAffectedRows };
}
