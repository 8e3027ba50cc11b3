import { z } from 'zod';
import * as http from '../http/policies.js';
import { nkeySignature } from '../journal.js';
import { id, nkeyPublic, sha256 } from '../names.js';
import { versionNumber } from '../numbers.js';
import { defineCommand } from './command.js';

/** Commands of the policy service. `orgId` of the meta says where. */

const policyId = id('pol');
const empty = z.strictObject({});

export const draftPolicy = defineCommand(
  'kf.svc.policy.draft',
  z.strictObject({ ...http.draftPolicyRequest.shape, policyId: policyId.optional() }),
  http.policyRef,
);
export const discardDraft = defineCommand(
  'kf.svc.policy.discard-draft',
  z.strictObject({ ...http.discardDraftQuery.shape, policyId }),
  empty,
);
export const requestReview = defineCommand(
  'kf.svc.policy.request-review',
  z.strictObject({ ...http.reviewRequest.shape, policyId }),
  empty,
);
export const reviewPolicy = defineCommand(
  'kf.svc.policy.review',
  z.strictObject({ ...http.reviewVerdict.shape, policyId }),
  empty,
);
export const publishPolicy = defineCommand(
  'kf.svc.policy.publish',
  z.strictObject({ ...http.publishPolicyRequest.shape, policyId }),
  http.policyRef,
);
export const retirePolicy = defineCommand('kf.svc.policy.retire', z.strictObject({ policyId }), empty);
export const assignPolicy = defineCommand(
  'kf.svc.policy.assign',
  z.strictObject({ ...http.assignPolicyRequest.shape, policyId }),
  z.strictObject({ assignmentId: z.string() }),
);
export const unassignPolicy = defineCommand(
  'kf.svc.policy.unassign',
  z.strictObject({ policyId, assignmentId: z.string().max(63) }),
  empty,
);
export const controlRollout = defineCommand(
  'kf.svc.policy.control-rollout',
  z.strictObject({ ...http.controlRolloutRequest.shape, policyId }),
  empty,
);
export const checkPolicy = defineCommand('kf.svc.policy.check', http.checkPolicyRequest, http.policyCheck);
export const replayPolicy = defineCommand(
  'kf.svc.policy.replay',
  http.replayPolicyRequest,
  http.policyReplay,
);
export const askAccess = defineCommand(
  'kf.svc.policy.who-can',
  http.accessQuestionRequest,
  http.accessAnswer,
);
export const certifyConvergence = defineCommand(
  'kf.svc.policy.certify',
  z.strictObject({ policyId, version: versionNumber }),
  z.strictObject({ certificateId: sha256 }),
);

/** Asked of the registry's authority by the policy service alone: signs texts of one purpose, one line per part. */
export const signTexts = defineCommand(
  'kf.svc.authority.sign',
  z.strictObject({
    purpose: z.enum(['keyfleet.manifest.v1', 'keyfleet.convergence.v1']),
    texts: z
      .array(z.array(z.string().max(4_000)).min(1).max(64))
      .min(1)
      .max(1_000),
  }),
  z.strictObject({ key: nkeyPublic, signatures: z.array(nkeySignature) }),
);
