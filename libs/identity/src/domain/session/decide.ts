import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import { evolve, initialState, type Session, type SessionEvent } from './session.js';

export interface SignIn {
  readonly type: 'SignIn';
  readonly userId: string;
  readonly sessionId: string;
  readonly method: 'local' | 'oidc' | 'saml' | 'ldap';
}

export interface SignOut {
  readonly type: 'SignOut';
}

export type SessionCommand = SignIn | SignOut;

function decide(command: SessionCommand, state: Session): readonly SessionEvent[] {
  switch (command.type) {
    case 'SignIn': {
      if (state.status !== 'unknown') throw new KeyfleetError('resource.exists');
      const { userId, sessionId, method } = command;
      return [{ type: 'UserSignedIn', v: 1, data: { userId, sessionId, method } }];
    }
    case 'SignOut': {
      if (state.status !== 'open') return [];
      const { userId, sessionId } = state;
      return [{ type: 'UserSignedOut', v: 1, data: { userId, sessionId } }];
    }
    default:
      return command satisfies never;
  }
}

export const session: Decider<Session, SessionCommand, SessionEvent> = { initialState, evolve, decide };
