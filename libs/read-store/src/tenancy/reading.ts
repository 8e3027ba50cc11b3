import { KeyfleetError } from '@keyfleet/kernel';
import { postgresFailure } from '@keyfleet/postgres';

/** A read that fails by the database's absence is `store.unavailable`; nothing was changed, so it may be asked again. */
export async function reading<T>(rows: Promise<T>): Promise<T> {
  try {
    return await rows;
  } catch (error) {
    throw postgresFailure(error) === 'unavailable' ? new KeyfleetError('store.unavailable') : error;
  }
}
