import { BUILT_IN_ROLES } from '@keyfleet/contracts';
import { deciderSpec } from '@keyfleet/testing';
import { organisation } from './decide.js';
import type { OrganisationEvent } from './organisation.js';

const given = deciderSpec(organisation);
const orgId = 'org_1';
const created: OrganisationEvent = {
  type: 'OrganisationCreated',
  v: 1,
  data: { orgId, slug: 'acme', name: 'Acme' },
};
const granted = (userId: string, role: string): OrganisationEvent => ({
  type: 'MembershipGranted',
  v: 1,
  data: { userId, orgId, role },
});
const revoked = (userId: string): OrganisationEvent => ({
  type: 'MembershipRevoked',
  v: 1,
  data: { userId, orgId },
});
const revoke = (userId: string, ...absent: string[]) =>
  ({ type: 'RevokeMembership', userId, absentOwners: new Set(absent) }) as const;
const founded = [created, granted('ann', 'owner')];

describe('an organisation', () => {
  it('is created with its first owner', () => {
    const create = {
      type: 'CreateOrganisation',
      orgId,
      slug: 'acme',
      name: 'Acme',
      ownerId: 'ann',
    } as const;
    given()
      .when(create)
      .then(...founded);
    given(...founded)
      .when(create)
      .thenRefused('resource.exists');
  });

  it('gives every built-in role, and its own roles once they are defined', () => {
    for (const role of Object.keys(BUILT_IN_ROLES)) {
      given(...founded)
        .when({ type: 'GrantMembership', userId: 'bob', role })
        .then(granted('bob', role));
    }
    const auditor = { type: 'GrantMembership', userId: 'bob', role: 'auditor' } as const;
    given(...founded)
      .when(auditor)
      .thenRefused('request.invalid');
    given(...founded, { type: 'RoleDefined', v: 1, data: { orgId, role: 'auditor', permissions: [] } })
      .when(auditor)
      .then(granted('bob', 'auditor'));
  });

  it('keeps an owner: the last one can neither go nor become less', () => {
    given(...founded)
      .when(revoke('ann'))
      .thenRefused('resource.conflict');
    given(...founded)
      .when({ type: 'GrantMembership', userId: 'ann', role: 'viewer' })
      .thenRefused('resource.conflict');
    given(...founded, granted('bob', 'owner'))
      .when(revoke('ann'))
      .then(revoked('ann'));
    given(...founded, granted('bob', 'owner'), revoked('bob'))
      .when(revoke('ann'))
      .thenRefused('resource.conflict');
  });

  it('keeps an owner who may act: one who is absent does not count, and is not kept', () => {
    const two = [...founded, granted('bob', 'owner')];
    given(...two)
      .when(revoke('ann', 'bob'))
      .thenRefused('resource.conflict');
    given(...two)
      .when(revoke('bob', 'bob'))
      .then(revoked('bob'));
    given(...two, granted('cy', 'owner'))
      .when(revoke('ann', 'bob'))
      .then(revoked('ann'));
    given(...two)
      .when(revoke('ann', 'ann', 'bob'))
      .then(revoked('ann'));
  });

  it('knows whom it can let go', () => {
    given(...founded)
      .when(revoke('bob'))
      .thenRefused('resource.not-found');
    given().when(revoke('bob')).thenRefused('resource.not-found');
    given(...founded, granted('bob', 'viewer'), revoked('bob'))
      .when(revoke('bob'))
      .thenNothing();
    given(...founded, granted('bob', 'viewer'), revoked('bob'), granted('bob', 'viewer'))
      .when(revoke('bob'))
      .then(revoked('bob'));
  });

  it('is suspended once', () => {
    const suspended: OrganisationEvent = { type: 'OrganisationSuspended', v: 1, data: { orgId } };
    given(...founded)
      .when({ type: 'SuspendOrganisation' })
      .then(suspended);
    given(...founded, suspended)
      .when({ type: 'SuspendOrganisation' })
      .thenNothing();
  });

  it('defines roles of its own, never a built-in one', () => {
    given(...founded)
      .when({ type: 'DefineRole', role: 'owner', permissions: [] })
      .thenRefused('resource.exists');
    given(...founded)
      .when({ type: 'DefineRole', role: 'auditor', permissions: ['events:read', 'events:read'] })
      .then({ type: 'RoleDefined', v: 1, data: { orgId, role: 'auditor', permissions: ['events:read'] } });
  });
});
