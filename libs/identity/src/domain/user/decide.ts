import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import { evolve, initialState, type User, type UserEvent } from './user.js';

/** A new person, asked into an organisation. */
export interface InviteUser {
  readonly type: 'InviteUser';
  readonly userId: string;
  readonly orgId: string;
  readonly role: string;
}

/** From now on the user can sign in. */
export interface ActivateUser {
  readonly type: 'ActivateUser';
  readonly userId: string;
}

/** Every session ends and no new one begins. */
export interface DisableUser {
  readonly type: 'DisableUser';
}

export type UserCommand = InviteUser | ActivateUser | DisableUser;

function invite({ type: _, ...data }: InviteUser, state: User): readonly UserEvent[] {
  if (state.status !== 'unknown') throw new KeyfleetError('resource.exists');
  return [{ type: 'UserInvited', v: 1, data }];
}

function activate({ userId }: ActivateUser, state: User): readonly UserEvent[] {
  return state.status === 'active' ? [] : [{ type: 'UserActivated', v: 1, data: { userId } }];
}

function disable(state: User): readonly UserEvent[] {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'disabled') return [];
  return [{ type: 'UserDisabled', v: 1, data: { userId: state.userId } }];
}

function decide(command: UserCommand, state: User): readonly UserEvent[] {
  switch (command.type) {
    case 'InviteUser':
      return invite(command, state);
    case 'ActivateUser':
      return activate(command, state);
    case 'DisableUser':
      return disable(state);
    default:
      return command satisfies never;
  }
}

export const user: Decider<User, UserCommand, UserEvent> = { initialState, evolve, decide };
