import { KeyfleetError } from '@keyfleet/kernel';

/** Of Node's sockets and of postgres.js: the server could not be reached, or was lost. */
const LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
]);

/**
 * SQLSTATE classes and codes that pass by themselves: connection, resources (disk full), operator intervention
 * (shutdown, timeout), system error (I/O), read-only after a failover, serialisation, deadlock, lock timeout.
 */
const PASSING = /^(?:08|53|57|58)...$|^(?:25006|40001|40P01|55P03)$/;

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}

/** True where the same statement may succeed later as it is. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return LOST.has(code) || PASSING.test(code);
}

/** Says nothing of the server or the statement: the message may reach a client of ours. */
export function unavailable(detail = 'The event store does not answer.'): KeyfleetError {
  return new KeyfleetError('store.unavailable', { detail, retryAfterMs: 1_000 });
}
