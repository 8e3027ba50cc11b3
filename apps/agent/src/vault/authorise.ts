import { KeyfleetError } from '@keyfleet/kernel';
import { isAllowed } from '../access/caller.js';
import type { Operation } from '../audit/classes.js';
import type { Trail } from '../audit/trail.js';

/** Before anything is read: a refusal says the same whether there is such a secret or not. */
export function authorise({ caller, action, path }: Operation): void {
  if (caller.credential !== 'known') throw new KeyfleetError('auth.required');
  if (!isAllowed(caller, action, path))
    throw new KeyfleetError('auth.forbidden', { detail: 'Your API key has no grant for this.' });
}

/** Runs an operation that puts itself on record where it succeeds, and puts it on record where it does not. */
export async function onRecord<T>(
  trail: Trail,
  operation: () => Operation,
  work: () => Promise<T>,
): Promise<T> {
  try {
    authorise(operation());
    return await work();
  } catch (error) {
    await trail.failed(operation(), error);
    throw error;
  }
}
