export { errorCode, type PostgresFailure, postgresFailure, SessionLostError } from './failures.js';
export { endFrozenSessions } from './frozen.js';
export { forJsonb } from './json.js';
export { type Listener, type ListenerOptions, openListener } from './listener.js';
export type { Executor, Session } from './session.js';
export { closeSql, createSql, type PoolUse, poolUse, type Sql, type SqlOptions } from './sql.js';
export { beginTransaction, type TransactionOptions, transaction } from './transaction.js';
