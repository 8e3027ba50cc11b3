import { deciderSpec } from '@keyfleet/testing';
import { user } from './decide.js';
import type { UserEvent } from './user.js';

const given = deciderSpec(user);
const userId = 'usr_1';
const invited: UserEvent = {
  type: 'UserInvited',
  v: 1,
  data: { userId, orgId: 'org_1', role: 'viewer' },
};
const activated: UserEvent = { type: 'UserActivated', v: 1, data: { userId } };
const disabled: UserEvent = { type: 'UserDisabled', v: 1, data: { userId } };

describe('a user', () => {
  it('is invited once, then activated', () => {
    const invite = { type: 'InviteUser', userId, orgId: 'org_1', role: 'viewer' } as const;
    given().when(invite).then(invited);
    given(invited).when(invite).thenRefused('resource.exists');
    given(invited).when({ type: 'ActivateUser', userId }).then(activated);
    given(invited, activated).when({ type: 'ActivateUser', userId }).thenNothing();
  });

  it('can be activated without an invitation, as the first one is', () => {
    given().when({ type: 'ActivateUser', userId }).then(activated);
  });

  it('is disabled once, and can come back', () => {
    given(activated).when({ type: 'DisableUser' }).then(disabled);
    given(activated, disabled).when({ type: 'DisableUser' }).thenNothing();
    given(activated, disabled).when({ type: 'ActivateUser', userId }).then(activated);
    given().when({ type: 'DisableUser' }).thenRefused('resource.not-found');
  });
});
