import type { EventOf, UserActivated, UserDisabled, UserInvited } from '@keyfleet/contracts/events';

export type UserEvent = EventOf<typeof UserInvited | typeof UserActivated | typeof UserDisabled>;

/** A person by id only: e-mail, name and password stand elsewhere and can be erased. */
export type User =
  | { readonly status: 'unknown' }
  | { readonly status: 'invited' | 'active' | 'disabled'; readonly userId: string };

export const initialState: User = { status: 'unknown' };

export function userStream(userId: string): string {
  return `user-${userId}`;
}

export function evolve(state: User, event: UserEvent): User {
  switch (event.type) {
    case 'UserInvited':
      return { status: 'invited', userId: event.data.userId };
    case 'UserActivated':
      return { status: 'active', userId: event.data.userId };
    case 'UserDisabled':
      return { status: 'disabled', userId: event.data.userId };
    default:
      return state;
  }
}
