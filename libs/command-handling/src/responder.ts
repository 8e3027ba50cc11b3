import { KeyfleetError } from '@keyfleet/kernel';
import type { HandleCommandOptions } from '@keyfleet/messaging';
import { postgresFailure } from '@keyfleet/postgres';

/** Where responders report what was none of their callers' doing. */
export const RESPONDER_OPTIONS = Symbol('ResponderOptions');

export type ResponderOptions = HandleCommandOptions &
  Required<Pick<HandleCommandOptions, 'onError' | 'translate'>>;

/**
 * A command that fails because the database went away, also in the middle, or let another go first may be sent again:
 * it is done once for its Idempotency-Key. Everything else stays what it was.
 */
export function translateFailure(error: unknown): unknown {
  const failure = postgresFailure(error);
  return failure === 'unavailable' || failure === 'conflict' ? new KeyfleetError('store.unavailable') : error;
}
