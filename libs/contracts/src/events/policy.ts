import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { displayName, id, sha256 } from '../names.js';
import { policyDocument } from '../policy-document.js';
import { policyTarget, rolloutHaltReason, rolloutPlan } from '../policy-rollout.js';
import { defineEvent, type EventOf } from './define.js';

/** All of them stand in the stream of their policy, `policy-<id>`, so that each decision sees all of it. */

const policyId = open(id('pol'));
const version = open(z.int().min(1));
/** Counts what was written since the policy began; each draft has its own. */
const draft = open(z.int().min(1));
/** SHA-256 over the canonical JSON of the document. */
const hash = open(sha256);
const document = sensitive(policyDocument);
const comment = sensitive(z.string().max(2_000)).nullable();

/** The whole document as it is from now on. The first one makes the policy. */
export const PolicyDrafted = defineEvent(
  'PolicyDrafted',
  1,
  z.strictObject({
    policyId,
    name: sensitive(displayName),
    draft,
    document,
    hash,
    basedOn: version.nullable(),
  }),
);
export const PolicyDraftDiscarded = defineEvent(
  'PolicyDraftDiscarded',
  1,
  z.strictObject({ policyId, draft }),
);
export const PolicyReviewRequested = defineEvent(
  'PolicyReviewRequested',
  1,
  z.strictObject({ policyId, draft, hash, comment }),
);
/** By somebody else than who wrote the draft; the event's actor. */
export const PolicyReviewed = defineEvent(
  'PolicyReviewed',
  1,
  z.strictObject({ policyId, draft, hash, verdict: open(z.enum(['approved', 'rejected'])), comment }),
);
/** A version never changes. `restores` names the older version whose document this one has. */
export const PolicyPublished = defineEvent(
  'PolicyPublished',
  1,
  z.strictObject({
    policyId,
    version,
    hash,
    document,
    draft: draft.nullable(),
    restores: version.nullable(),
  }),
);
/** From here on it is in no bundle. */
export const PolicyRetired = defineEvent('PolicyRetired', 1, z.strictObject({ policyId }));

const assignmentId = open(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/));
/** Whom it is for; those of several assignments are united. */
export const PolicyAssigned = defineEvent(
  'PolicyAssigned',
  1,
  z.strictObject({ policyId, assignmentId, target: sensitive(policyTarget) }),
);
export const PolicyUnassigned = defineEvent(
  'PolicyUnassigned',
  1,
  z.strictObject({ policyId, assignmentId }),
);

const wave = open(z.int().min(0));
/** Agents of the first wave get `version`, all others keep `from`. One at a time in a policy. */
export const RolloutStarted = defineEvent(
  'RolloutStarted',
  1,
  z.strictObject({ policyId, version, from: version.nullable(), plan: open(rolloutPlan) }),
);
export const RolloutAdvanced = defineEvent('RolloutAdvanced', 1, z.strictObject({ policyId, version, wave }));
export const RolloutPaused = defineEvent('RolloutPaused', 1, z.strictObject({ policyId, version, wave }));
export const RolloutResumed = defineEvent('RolloutResumed', 1, z.strictObject({ policyId, version, wave }));
/** All agents go back to `from`. The figures are those that made it halt. */
export const RolloutHalted = defineEvent(
  'RolloutHalted',
  1,
  z.strictObject({
    policyId,
    version,
    wave,
    from: version.nullable(),
    reason: open(rolloutHaltReason),
    rejected: open(z.int().min(0)),
    denied: open(z.int().min(0)),
    agents: open(z.int().min(0)),
  }),
);
/** `agents` are to have it; 0 where somebody completed it: nobody was counted. */
export const RolloutCompleted = defineEvent(
  'RolloutCompleted',
  1,
  z.strictObject({ policyId, version, agents: open(z.int().min(0)) }),
);

export const POLICY_EVENTS = [
  PolicyDrafted,
  PolicyDraftDiscarded,
  PolicyReviewRequested,
  PolicyReviewed,
  PolicyPublished,
  PolicyRetired,
  PolicyAssigned,
  PolicyUnassigned,
  RolloutStarted,
  RolloutAdvanced,
  RolloutPaused,
  RolloutResumed,
  RolloutHalted,
  RolloutCompleted,
] as const;
export type PolicyEvent = EventOf<(typeof POLICY_EVENTS)[number]>;
