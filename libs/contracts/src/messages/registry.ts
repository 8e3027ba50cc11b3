import { z } from 'zod';
import { secret } from '../classification.js';
import * as http from '../http/admin.js';
import { agentIdentity, enrolRequest, renewRequest } from '../http/enrol.js';
import { displayName, id, labels, timestamp } from '../names.js';
import { defineCommand } from './command.js';

/** Commands of the registry service: identity first, then agents. `orgId` of the meta says where. */

export const login = defineCommand(
  'kf.svc.registry.login',
  z.strictObject({
    email: http.email,
    password: secret(z.string().max(1_024)),
    network: z.string().max(64),
    userAgent: z.string().max(300).optional(),
  }),
  z.strictObject({
    userId: id('usr'),
    sessionId: id('ses'),
    /** 256 bits, base64url; the cookie's value, shown to the gateway once. */ sessionSecret: secret(
      z.string(),
    ),
    absoluteExpiresAt: timestamp,
  }),
);
export const logout = defineCommand(
  'kf.svc.registry.logout',
  z.strictObject({ sessionId: id('ses') }),
  z.strictObject({}),
);
/** Idle limit: the gateway reports use at most once a minute per session. */
export const touchSession = defineCommand(
  'kf.svc.registry.touch-session',
  z.strictObject({ sessionId: id('ses') }),
  z.strictObject({}),
);
export const createOrganisation = defineCommand(
  'kf.svc.registry.create-organisation',
  http.createOrgRequest,
  http.orgSummary,
);
export const issueApiToken = defineCommand(
  'kf.svc.registry.issue-api-token',
  http.issueApiTokenRequest,
  http.apiTokenIssued,
);
export const revokeApiToken = defineCommand(
  'kf.svc.registry.revoke-api-token',
  z.strictObject({ tokenId: id('tok') }),
  z.strictObject({}),
);
export const disableUser = defineCommand(
  'kf.svc.registry.disable-user',
  z.strictObject({ userId: id('usr') }),
  z.strictObject({}),
);

export const issueEnrolmentToken = defineCommand(
  'kf.svc.registry.issue-enrolment-token',
  http.issueEnrolmentTokenRequest,
  http.enrolmentTokenIssued,
);
export const revokeEnrolmentToken = defineCommand(
  'kf.svc.registry.revoke-enrolment-token',
  z.strictObject({ tokenId: id('etk') }),
  z.strictObject({}),
);
export const enrolAgent = defineCommand(
  'kf.svc.registry.enrol',
  z.strictObject({ ...enrolRequest.shape, network: z.string().max(64) }),
  agentIdentity,
);
export const renewAgent = defineCommand('kf.svc.registry.renew', renewRequest, agentIdentity);
export const revokeAgent = defineCommand(
  'kf.svc.registry.revoke-agent',
  z.strictObject({ agentId: id('agt') }),
  z.strictObject({ id: id('agt'), state: z.literal('revoked') }),
);
export const labelAgent = defineCommand(
  'kf.svc.registry.label-agent',
  z.strictObject({ agentId: id('agt'), labels }),
  z.strictObject({ id: id('agt'), labels }),
);
export const defineGroup = defineCommand(
  'kf.svc.registry.define-group',
  z.strictObject({ ...http.defineGroupRequest.shape, groupId: id('grp').optional() }),
  z.strictObject({ id: id('grp'), name: displayName }),
);
export const removeGroup = defineCommand(
  'kf.svc.registry.remove-group',
  z.strictObject({ groupId: id('grp') }),
  z.strictObject({}),
);
/** A past view of one agent: its stream folded up to a moment. */
export const agentAsOf = defineCommand(
  'kf.svc.registry.agent-as-of',
  z.strictObject({ agentId: id('agt'), asOf: timestamp }),
  z.strictObject({ agent: http.agentView.nullable() }),
);

export const REGISTRY_COMMANDS = {
  login,
  logout,
  touchSession,
  createOrganisation,
  issueApiToken,
  revokeApiToken,
  disableUser,
  issueEnrolmentToken,
  revokeEnrolmentToken,
  enrolAgent,
  renewAgent,
  revokeAgent,
  labelAgent,
  defineGroup,
  removeGroup,
  agentAsOf,
} as const;
