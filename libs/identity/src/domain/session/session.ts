import type { EventOf, UserSignedIn, UserSignedOut } from '@keyfleet/contracts/events';

export type SessionEvent = EventOf<typeof UserSignedIn | typeof UserSignedOut>;

/**
 * The facts of one session. Whether it is good right now is a row, because it depends on time and use; a stream of
 * its own keeps the user's stream short, however often somebody signs in.
 */
export type Session =
  | { readonly status: 'unknown' }
  | { readonly status: 'open' | 'ended'; readonly sessionId: string; readonly userId: string };

export const initialState: Session = { status: 'unknown' };

export function sessionStream(sessionId: string): string {
  return `session-${sessionId}`;
}

export function evolve(state: Session, event: SessionEvent): Session {
  const { sessionId, userId } = event.data;
  switch (event.type) {
    case 'UserSignedIn':
      return { status: 'open', sessionId, userId };
    case 'UserSignedOut':
      return { status: 'ended', sessionId, userId };
    default:
      return state;
  }
}
