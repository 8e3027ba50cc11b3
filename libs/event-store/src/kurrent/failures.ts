import { ErrorType } from '@kurrent/kurrentdb-client';

/** What the server says of the request itself; anything else is of its absence, and passes by itself. */
const OF_THE_REQUEST = new Set<string>([
  ErrorType.ACCESS_DENIED,
  ErrorType.INVALID_ARGUMENT,
  ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED,
  ErrorType.STREAM_DELETED,
  ErrorType.STREAM_NOT_FOUND,
  ErrorType.UNSUPPORTED,
  ErrorType.WRONG_EXPECTED_VERSION,
]);

/** The client's own word for what went wrong, or `unknown`. */
export function typeOf(error: unknown): string {
  const type = (error as { type?: unknown } | null)?.type;
  return typeof type === 'string' ? type : 'unknown';
}

/** True where the same call may succeed later as it is: server gone, restarted, late, or not the leader just now. */
export function isPassing(error: unknown): boolean {
  const isOurs = error instanceof TypeError || error instanceof RangeError;
  return !isOurs && !OF_THE_REQUEST.has(typeOf(error));
}
