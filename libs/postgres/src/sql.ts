import postgres from 'postgres';
import { Sockets } from './socket.js';
import { knowArrays, TYPES, type Types } from './types.js';

export type Sql = postgres.Sql<Types>;

export interface SqlOptions {
  readonly url: string;
  /** Shown in `pg_stat_activity`: the service and what the pool is for. */
  readonly applicationName: string;
  /** Connections at most, and transactions at most; 10 by default. */
  readonly max?: number;
  /** A statement is ended after this long; 30 s by default, 0 for never. */
  readonly statementTimeoutMs?: number;
  /** A session that leaves a transaction open this long is ended, with its locks; 10 s by default. */
  readonly idleInTransactionTimeoutMs?: number;
  /** How long a statement waits for a lock; 10 s by default. */
  readonly lockTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

const DEFAULT_MAX = 10;

/**
 * A pool of connections, made as statements need them, and as many again for transactions. Times are RFC 3339 text,
 * 64-bit integers bigint, and a lost connection is always a rejected statement.
 * Transactions go through `transaction(sql, …)`: `begin` and `reserve` of the client do not survive lost connections.
 */
export function createSql(options: SqlOptions): Sql {
  const pool = open(options);
  pools.set(pool.sql, { ...pool, options, transactions: { open: 0, waiting: 0 } });
  return pool.sql;
}

/** Ends the pool: what runs may finish for a moment, then connections are cut. */
export async function closeSql(sql: Sql, graceMs = 5_000): Promise<void> {
  const entry = pools.get(sql);
  await Promise.all([
    close({ sql, sockets: entry?.sockets }, graceMs),
    entry?.forTransactions && close(entry.forTransactions, graceMs),
  ]);
}

interface Pool {
  readonly sql: Sql;
  readonly sockets?: Sockets;
}

/**
 * Transactions have connections of their own: on a shared one the client may send BEGIN behind other statements
 * without reserving it, and these would then run inside the transaction.
 */
const pools = new WeakMap<Sql, Entry>();

interface Entry extends Pool {
  readonly options: SqlOptions;
  readonly transactions: { open: number; waiting: number };
  forTransactions?: Pool;
}

/** How much of a pool is in use; transactions have as many connections again. */
export interface PoolUse {
  /** As `applicationName`. */
  readonly name: string;
  /** Connections at most, of each kind. */
  readonly max: number;
  /** Connections open for statements, and for transactions. */
  readonly connections: { readonly statements: number; readonly transactions: number };
  /** Transactions that hold a connection, and those that wait for one. */
  readonly transactions: { readonly open: number; readonly waiting: number };
}

export function poolUse(sql: Sql): PoolUse {
  const { options, sockets, forTransactions, transactions } = entryOf(sql);
  return {
    name: options.applicationName,
    max: options.max ?? DEFAULT_MAX,
    connections: { statements: sockets?.size ?? 0, transactions: forTransactions?.sockets?.size ?? 0 },
    transactions: { ...transactions },
  };
}

/** Counts a transaction from when it asks for a connection until it gives it back. */
export async function counted<T extends { readonly ended: Promise<unknown> }>(
  sql: Sql,
  begin: () => Promise<T>,
): Promise<T> {
  const { transactions } = entryOf(sql);
  transactions.waiting += 1;
  try {
    const session = await begin();
    transactions.open += 1;
    const end = (): void => {
      transactions.open -= 1;
    };
    session.ended.then(end, end);
    return session;
  } finally {
    transactions.waiting -= 1;
  }
}

function entryOf(sql: Sql): Entry {
  const entry = pools.get(sql);
  if (!entry) throw new TypeError('Transactions need a pool made by createSql.');
  return entry;
}

export function transactionPool(sql: Sql): Sql {
  const entry = entryOf(sql);
  entry.forTransactions ??= open(entry.options);
  return entry.forTransactions.sql;
}

/** Options of the client that its types do not know. */
export interface Hooks {
  readonly onnotify?: (channel: string, payload: string) => unknown;
  readonly onclose?: () => void;
}

export function open(options: SqlOptions, hooks: Hooks = {}): Required<Pool> {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const sockets = new Sockets(statementTimeoutMs && statementTimeoutMs + ANSWER_WITHIN_MS);
  const sql: unknown = postgres(options.url, {
    max: options.max ?? DEFAULT_MAX,
    connect_timeout: Math.ceil((options.connectTimeoutMs ?? 10_000) / 1000),
    backoff: secondsBeforeAttempt,
    types: TYPES,
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: options.applicationName,
      TimeZone: 'UTC',
      DateStyle: 'ISO',
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
      lock_timeout: options.lockTimeoutMs ?? 10_000,
      options: PADDING,
    },
    ...({ socket: sockets.connect, ...hooks } as object),
  });
  knowArrays(sql as Sql);
  return { sql: sql as Sql, sockets };
}

export async function close({ sql, sockets }: Pool, graceMs: number): Promise<void> {
  await sql.end({ timeout: graceMs / 1000 });
  sockets?.destroy();
}

/** The server ends a statement at its timeout; one that is silent for so much longer is gone. */
const ANSWER_WITHIN_MS = 5_000;

/** The client's own pauses grow to 20 s, which would be seconds of blindness after the server is back. */
function secondsBeforeAttempt(attempt: number): number {
  return (0.5 + Math.random() / 2) * Math.min(3 ** attempt / 100, 1);
}

/**
 * A connection that ends between a write and its flush keeps the unsent bytes, and the client flushes what is below
 * 1 KiB only by a timer it already cleared: each later attempt would time out. A start-up message beyond 1 KiB is
 * flushed at once: the server refuses the stale bytes and the attempt after that one is clean.
 */
const PADDING = ' '.repeat(1024);
