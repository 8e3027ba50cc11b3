import type { Permission } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import { Access } from './access.js';

const orgId = newId('org');
const user = newId('usr');
const token = newId('tok');
const grants: Record<string, Permission[]> = {
  [`${user} ${orgId}`]: ['agents:read', 'agents:write'],
  [`${token} ${orgId}`]: ['agents:read'],
};
const look = async (id: string, org: string) => grants[`${id} ${org}`] ?? null;
const access = new Access({ permissionsOf: look, permissionsOfToken: look });

describe('access to a command', () => {
  it('is given for what a member or a token may do', async () => {
    await expect(access.require({ actor: user, orgId }, 'agents:write')).resolves.toEqual({
      orgId,
      permissions: new Set(['agents:read', 'agents:write']),
    });
    await expect(access.require({ actor: token, orgId }, 'agents:read')).resolves.toMatchObject({ orgId });
  });

  it('is refused to a member who may do less', async () => {
    await expect(access.require({ actor: token, orgId }, 'agents:write')).rejects.toMatchObject({
      code: 'auth.forbidden',
    });
  });

  it.each([
    ['a stranger', newId('usr'), orgId],
    ['a member elsewhere', user, newId('org')],
    ['nobody’s organisation', user, null],
    ['an agent', newId('agt'), orgId],
    ['a service', 'svc_gateway', orgId],
  ])('S9: looks as if there was nothing to %s', async (_, actor, org) => {
    await expect(access.require({ actor, orgId: org }, 'agents:read')).rejects.toMatchObject({
      code: 'resource.not-found',
    });
  });
});
