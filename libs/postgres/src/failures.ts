/**
 * Why a statement failed, seen from what to do about it.
 * `data`: these values will never do. `conflict`: the same again may succeed at once.
 * `unavailable`: the server or the way to it; later. `other`: the statement, the schema or the rights are wrong.
 */
export type PostgresFailure = 'data' | 'conflict' | 'unavailable' | 'other';

const BY_CODE: Readonly<Record<string, PostgresFailure>> = {
  '40001': 'conflict', // serialization_failure
  '40P01': 'conflict', // deadlock_detected
  '55P03': 'conflict', // lock_not_available
  '57014': 'unavailable', // query_canceled: statement_timeout
  '25P03': 'unavailable', // idle_in_transaction_session_timeout
  P0001: 'data', // raise_exception
};

const BY_CLASS: Readonly<Record<string, PostgresFailure>> = {
  '08': 'unavailable',
  '22': 'data',
  '23': 'data',
  '53': 'unavailable', // out of disk, memory or connections
  '57': 'unavailable', // shut down, starting up
  '58': 'unavailable', // input/output
  XX: 'unavailable',
};

const BY_NETWORK = /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|SASL_)/;

/** The kind of failure, or `null` where the error has nothing to do with the database. */
export function postgresFailure(error: unknown): PostgresFailure | null {
  const code = errorCode(error);
  if (code === null) return null;
  if (BY_NETWORK.test(code)) return 'unavailable';
  if (!/^[0-9A-Z]{5}$/.test(code)) return null;
  return BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 'other';
}

/** The error's code and nothing else of it: messages and details may quote values. */
export function errorCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** The connection of a transaction ended before it did; whether a COMMIT was done is then unknown. */
export class SessionLostError extends Error {
  readonly code = 'CONNECTION_CLOSED';

  constructor() {
    super('The connection of this transaction was lost.');
    this.name = 'SessionLostError';
  }
}

/** After such an error the server or the network has closed the connection, or is about to. */
export function endsSession(error: unknown): boolean {
  const fatal =
    typeof error === 'object' && error !== null && 'severity' in error && error.severity === 'FATAL';
  return fatal || BY_NETWORK.test(errorCode(error) ?? '');
}
