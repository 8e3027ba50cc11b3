import { isKeyfleetError } from '@keyfleet/kernel';
import { errorCode, postgresFailure } from '@keyfleet/postgres';
import { FencedError } from './commit.js';

/**
 * Whether an event is to blame: code that throws, or values the database refuses. An absent server, a lock, a missing
 * table or right would fail every event, so they stop the projection until somebody has seen to it.
 */
export function isPoison(error: unknown): boolean {
  if (error instanceof FencedError || isKeyfleetError(error, 'store.unavailable')) return false;
  const failure = postgresFailure(error);
  return failure === null || failure === 'data';
}

/** What is kept of an error: its code or its name, never its message, which may quote what it is about. */
export function codeOf(error: unknown): string {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  return code.replace(/[^\w.-]/g, '').slice(0, 64) || 'unknown';
}
