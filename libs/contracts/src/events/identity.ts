import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { displayName, id, sha256, slug, timestamp } from '../names.js';
import { PERMISSIONS } from '../permissions.js';
import { defineEvent, type EventOf } from './define.js';

const orgId = open(id('org'));
/** People appear by id only; their e-mail, name and address stand in one erasable table. */
const userId = open(id('usr'));
const role = open(z.string().regex(/^[a-z][a-z0-9-]{1,40}$/));

export const OrganisationCreated = defineEvent(
  'OrganisationCreated',
  1,
  z.strictObject({ orgId, slug: open(slug), name: sensitive(displayName) }),
);
export const OrganisationSuspended = defineEvent('OrganisationSuspended', 1, z.strictObject({ orgId }));
export const UserInvited = defineEvent('UserInvited', 1, z.strictObject({ userId, orgId, role }));
export const UserActivated = defineEvent('UserActivated', 1, z.strictObject({ userId }));
export const UserDisabled = defineEvent('UserDisabled', 1, z.strictObject({ userId }));
export const UserSignedIn = defineEvent(
  'UserSignedIn',
  1,
  z.strictObject({
    userId,
    sessionId: open(id('ses')),
    method: open(z.enum(['local', 'oidc', 'saml', 'ldap'])),
  }),
);
export const UserSignedOut = defineEvent(
  'UserSignedOut',
  1,
  z.strictObject({ userId, sessionId: open(id('ses')) }),
);
export const MembershipGranted = defineEvent('MembershipGranted', 1, z.strictObject({ userId, orgId, role }));
export const MembershipRevoked = defineEvent('MembershipRevoked', 1, z.strictObject({ userId, orgId }));
export const RoleDefined = defineEvent(
  'RoleDefined',
  1,
  z.strictObject({ orgId, role, permissions: open(z.array(z.enum(PERMISSIONS)).max(200)) }),
);
export const ApiTokenIssued = defineEvent(
  'ApiTokenIssued',
  1,
  z.strictObject({
    tokenId: open(id('tok')),
    orgId,
    name: sensitive(displayName),
    secretHash: sensitive(sha256),
    permissions: open(z.array(z.enum(PERMISSIONS)).max(200)),
    expiresAt: open(timestamp).nullable(),
  }),
);
export const ApiTokenRevoked = defineEvent(
  'ApiTokenRevoked',
  1,
  z.strictObject({ tokenId: open(id('tok')), orgId }),
);
export const SsoConnectionConfigured = defineEvent(
  'SsoConnectionConfigured',
  1,
  z.strictObject({ orgId, kind: open(z.enum(['oidc', 'saml', 'ldap'])) }),
);

export const IDENTITY_EVENTS = [
  OrganisationCreated,
  OrganisationSuspended,
  UserInvited,
  UserActivated,
  UserDisabled,
  UserSignedIn,
  UserSignedOut,
  MembershipGranted,
  MembershipRevoked,
  RoleDefined,
  ApiTokenIssued,
  ApiTokenRevoked,
  SsoConnectionConfigured,
] as const;

export type IdentityEvent = EventOf<(typeof IDENTITY_EVENTS)[number]>;
