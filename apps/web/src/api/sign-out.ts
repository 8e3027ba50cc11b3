import { isSignedOut } from './problem';
import { rest } from './rest';

/** Ends the session; one that is over already is as good. Throws an ApiError where it goes on. */
export async function signOut(): Promise<void> {
  try {
    await rest('POST', '/auth/logout');
  } catch (error) {
    if (!isSignedOut(error)) throw error;
  }
}
