import { deciderSpec } from '@keyfleet/testing';
import { session } from './decide.js';
import type { SessionEvent } from './session.js';

const given = deciderSpec(session);
const who = { userId: 'usr_1', sessionId: 'ses_1' };
const signedIn: SessionEvent = { type: 'UserSignedIn', v: 1, data: { ...who, method: 'local' } };
const signedOut: SessionEvent = { type: 'UserSignedOut', v: 1, data: who };

describe('a session', () => {
  it('begins once under its id', () => {
    const signIn = { type: 'SignIn', ...who, method: 'local' } as const;
    given().when(signIn).then(signedIn);
    given(signedIn).when(signIn).thenRefused('resource.exists');
  });

  it('ends once, and ending what is not open is harmless', () => {
    given(signedIn).when({ type: 'SignOut' }).then(signedOut);
    given(signedIn, signedOut).when({ type: 'SignOut' }).thenNothing();
    given().when({ type: 'SignOut' }).thenNothing();
  });
});
