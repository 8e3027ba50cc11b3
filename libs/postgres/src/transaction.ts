import { type Executor, Session } from './session.js';
import { counted, type Sql, transactionPool } from './sql.js';

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
}

/** Opens a transaction that the caller ends by `commit` or `rollback`; see `transaction` for the usual way. */
export function beginTransaction(sql: Sql, options: TransactionOptions = {}): Promise<Session> {
  const characteristics = [
    options.isolation && `isolation level ${options.isolation}`,
    options.readOnly && 'read only',
  ];
  return counted(sql, () => Session.begin(transactionPool(sql), characteristics.filter(Boolean).join(' ')));
}

/**
 * Runs `work` in one transaction: all of it is committed or nothing. A failed statement fails it all, also where its
 * error was swallowed. Where the connection is lost it rejects; whether a COMMIT under way was done is then unknown.
 */
export async function transaction<T>(
  sql: Sql,
  work: (tx: Executor) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const session = await beginTransaction(sql, options);
  try {
    const result = await work(session.sql);
    await session.commit();
    return result;
  } catch (error) {
    await session.rollback();
    throw error;
  }
}
