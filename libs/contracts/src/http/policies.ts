import { z } from 'zod';
import { displayName, id, sha256, timestamp } from '../names.js';
import { versionInAddress, versionNumber } from '../numbers.js';
import { policyDocument } from '../policy-document.js';
import { policyTarget, rolloutHaltReason, rolloutPlan, rolloutState } from '../policy-rollout.js';
import { line, source, text } from '../text.js';

/** A policy as text (YAML or JSON) or as the document itself. */
const written = z.union([
  z.strictObject({ document: policyDocument }),
  z.strictObject({ text: source.min(1).max(1_000_000) }),
]);
export const policyContent = written.meta({ id: 'PolicyContent' });
export type PolicyContent = z.infer<typeof policyContent>;

export const draftPolicyRequest = z
  .strictObject({
    name: displayName,
    content: policyContent,
    replaces: sha256
      .nullable()
      .optional()
      .describe(
        'Hash of the draft this takes the place of, `null` where there was none: refused where it is another one by now. Whatever is there is replaced where this is absent.',
      ),
  })
  .meta({ id: 'DraftPolicy' });
export const discardDraftQuery = z.strictObject({
  hash: sha256.optional().describe('Of the draft that was read: refused where it is another one by now.'),
});
export const reviewRequest = z
  .strictObject({ comment: text.max(2_000).nullable().default(null) })
  .meta({ id: 'RequestPolicyReview' });
export const reviewVerdict = z
  .strictObject({
    /** Of the draft that was read: another one needs another look. */
    hash: sha256,
    verdict: z.enum(['approved', 'rejected']),
    comment: text.max(2_000).nullable().default(null),
  })
  .meta({ id: 'ReviewPolicy' });
export const publishPolicyRequest = z
  .strictObject({
    /** A version to go back to, instead of the draft. */
    restore: versionNumber.optional(),
    hash: sha256
      .optional()
      .describe('Of what was read and is to be published: refused where it is something else by now.'),
    /** To everybody at once by default. */
    plan: rolloutPlan.optional(),
  })
  .meta({ id: 'PublishPolicy' });
export const assignPolicyRequest = z.strictObject({ target: policyTarget }).meta({ id: 'AssignPolicy' });
export const controlRolloutRequest = z
  .strictObject({
    action: z.enum(['pause', 'resume', 'advance', 'halt']),
    wave: z
      .int()
      .min(0)
      .optional()
      .describe('The wave that was seen, from 0: refused where the rollout is in another one by now.'),
  })
  .meta({ id: 'ControlRollout' });

export const policyRef = z
  .object({ id: id('pol'), name: z.string(), draft: z.int().nullable(), version: z.int().nullable() })
  .meta({ id: 'PolicyRef' });

export const POLICY_STATES = ['draft', 'published', 'retired'] as const;

export const rolloutView = z
  .object({
    version: z.int(),
    from: z.int().nullable(),
    state: rolloutState,
    wave: z.int(),
    plan: rolloutPlan,
    startedAt: timestamp,
    changedAt: timestamp,
    halt: z
      .object({ reason: rolloutHaltReason, rejected: z.int(), denied: z.int(), agents: z.int() })
      .nullable(),
  })
  .meta({ id: 'Rollout' });
export type RolloutView = z.infer<typeof rolloutView>;

export const assignmentView = z
  .object({ id: z.string(), target: policyTarget, assignedAt: timestamp, assignedBy: z.string() })
  .meta({ id: 'PolicyAssignment' });

export const draftView = z
  .object({
    draft: z.int(),
    document: policyDocument,
    hash: sha256,
    basedOn: z.int().nullable(),
    writtenBy: z.string(),
    writtenAt: timestamp,
    review: z
      .object({
        state: z.enum(['requested', 'approved', 'rejected']),
        comment: z.string().nullable(),
        by: z.string(),
        at: timestamp,
      })
      .nullable(),
  })
  .meta({ id: 'PolicyDraft' });

/** In lists. */
export const policySummary = z
  .object({
    id: id('pol'),
    name: z.string(),
    state: z.enum(POLICY_STATES),
    /** The newest published one. */
    version: z.int().nullable(),
    hasDraft: z.boolean(),
    statements: z.int(),
    assignments: z.int(),
    rollout: rolloutState.nullable(),
    changedAt: timestamp,
    changedBy: z.string(),
  })
  .meta({ id: 'PolicySummary' });
export type PolicySummary = z.infer<typeof policySummary>;

export const policyView = z
  .object({
    ...policySummary.shape,
    published: z.object({ version: z.int(), hash: sha256, document: policyDocument }).nullable(),
    draft: draftView.nullable(),
    assignmentList: z.array(assignmentView),
    rolloutDetail: rolloutView.nullable(),
  })
  .meta({ id: 'Policy' });
export type PolicyView = z.infer<typeof policyView>;

export const policyVersionView = z
  .object({
    version: z.int(),
    hash: sha256,
    document: policyDocument,
    restores: z.int().nullable(),
    publishedAt: timestamp,
    publishedBy: z.string(),
  })
  .meta({ id: 'PolicyVersion' });
export type PolicyVersionView = z.infer<typeof policyVersionView>;

/** One agent's desired and actual policy. */
export const AGENT_POLICY_STATES = ['converged', 'pending', 'rejected', 'offline', 'none'] as const;
export const agentPolicyView = z
  .object({
    agentId: id('agt'),
    name: z.string(),
    state: z.enum(AGENT_POLICY_STATES),
    desired: z.object({ version: z.int(), hash: sha256, since: timestamp }).nullable(),
    actual: z.object({ version: z.int(), hash: sha256 }).nullable(),
    /** Which versions of which policies its bundle holds. */
    policies: z.array(z.object({ policyId: id('pol'), version: z.int() })),
    /** Why it is not there: `offline`, `not-yet`, or what the agent said when it refused. */
    reason: z.string().nullable(),
  })
  .meta({ id: 'AgentPolicy' });
export type AgentPolicyView = z.infer<typeof agentPolicyView>;

const statementRef = z.object({ policyId: z.string(), version: z.int(), statement: z.string() });
export const accessRequestView = z.object({
  principal: z.string(),
  groups: z.array(z.string()),
  action: z.string(),
  path: z.string().nullable(),
  method: z.string(),
  secondFactor: z.boolean(),
  client: z.string().nullable(),
  reason: z.string().nullable(),
  address: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  at: timestamp,
});

export const policyProblem = z
  .object({
    code: z.string(),
    pointer: z.string(),
    message: z.string(),
    line: z.int(),
    column: z.int(),
  })
  .meta({ id: 'PolicyProblem' });
export const policyConflict = z
  .object({
    kind: z.string(),
    statement: statementRef,
    other: statementRef.nullable(),
    /** A request that shows it. */
    example: accessRequestView.nullable(),
  })
  .meta({ id: 'PolicyConflict' });
export const policyCheck = z
  .object({
    document: policyDocument.nullable(),
    problems: z.array(policyProblem),
    conflicts: z.array(policyConflict),
    /** Conflicts beyond those shown. */
    more: z.int().default(0),
    /** Pairs that could not be decided within bounds. */
    undecided: z.int(),
    /** Plain English, by statement id. */
    readings: z.record(z.string(), z.string()),
    yaml: z.string().nullable(),
    json: z.string().nullable(),
  })
  .meta({ id: 'PolicyCheck' });
export type PolicyCheck = z.infer<typeof policyCheck>;
export const checkPolicyRequest = z
  .strictObject({
    content: policyContent,
    /** Looked at together with the published policies of the organisation, in the place of this one. */
    policyId: id('pol').optional(),
  })
  .meta({ id: 'CheckPolicy' });

export const replayPolicyRequest = z
  .strictObject({
    content: policyContent,
    policyId: id('pol').optional(),
    days: z.int().min(1).max(90).default(7),
  })
  .meta({ id: 'ReplayPolicy' });
export const policyFlip = z
  .object({
    from: z.enum(['allowed', 'denied']),
    to: z.enum(['allowed', 'denied', 'undecidable']),
    principal: z.string(),
    action: z.string(),
    path: z.string().nullable(),
    agents: z.int(),
    requests: z.int(),
    by: statementRef.nullable(),
  })
  .meta({ id: 'PolicyFlip' });
export const policyReplay = z
  .object({
    days: z.int(),
    classes: z.int(),
    requests: z.int(),
    unchanged: z.int(),
    undecidable: z.int(),
    flips: z.array(policyFlip),
    /** Beyond those shown. */
    more: z.int(),
  })
  .meta({ id: 'PolicyReplay' });
export type PolicyReplay = z.infer<typeof policyReplay>;

export const accessQuestionRequest = z
  .strictObject({
    principal: line.max(128).optional(),
    groups: z.array(line.max(128)).max(32).optional(),
    action: line.max(32).optional(),
    path: line.max(256).optional(),
  })
  .meta({ id: 'WhoCan' });
export const accessAnswer = z
  .object({
    items: z.array(
      z.object({
        statement: statementRef,
        principals: z.array(z.string()),
        actions: z.array(z.string()),
        resources: z.array(z.string()),
        /** Plain English; null where it always holds. */
        when: z.string().nullable(),
      }),
    ),
    /** Beyond those shown. */
    more: z.int().default(0),
  })
  .meta({ id: 'WhoCanAnswer' });

export const policyTemplateView = z
  .object({ id: z.string(), name: z.string(), summary: z.string(), document: policyDocument })
  .meta({ id: 'PolicyTemplate' });

/**
 * Signed: `text` is what was signed, so that anybody with the public key can check it without us. It names the SHA-256
 * of the canonical JSON of `agents`.
 */
export const convergenceCertificate = z
  .object({
    /** SHA-256 of the text. */
    id: sha256,
    text: z.string(),
    key: z.string(),
    signature: z.string(),
    policyId: id('pol'),
    version: z.int(),
    at: timestamp,
    converged: z.int(),
    divergent: z.int(),
    agents: z.array(
      z.object({
        agentId: id('agt'),
        state: z.enum(AGENT_POLICY_STATES),
        actual: sha256.nullable(),
        reason: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'ConvergenceCertificate' });
export type ConvergenceCertificate = z.infer<typeof convergenceCertificate>;

/** A version, or the draft where none is named. */
const comparedText = z.object({ version: z.int().nullable(), text: z.string() });
export const policyDiffQuery = z.strictObject({
  from: versionInAddress,
  /** The draft by default. */
  to: versionInAddress.optional(),
});
/** Two versions as canonical YAML, and which statements are not the same, by id. */
export const policyDiff = z
  .object({
    from: comparedText,
    to: comparedText,
    added: z.array(z.string()),
    removed: z.array(z.string()),
    changed: z.array(z.string()),
  })
  .meta({ id: 'PolicyDiff' });
export type PolicyDiff = z.infer<typeof policyDiff>;

export const assignPolicyQuery = z.strictObject({
  /** Says whom it would meet and writes nothing. */
  dryRun: z.enum(['true', 'false']).default('false'),
});
export const policyAssigned = z.object({ assignmentId: z.string() }).meta({ id: 'PolicyAssigned' });
/** Whom a target meets now: how many agents, and the first of them by name. */
export const policyTargetPreview = z
  .object({ agents: z.int(), items: z.array(z.object({ id: id('agt'), name: z.string() })) })
  .meta({ id: 'PolicyTargetPreview' });
export type PolicyTargetPreview = z.infer<typeof policyTargetPreview>;
export const certificateRef = z.object({ certificateId: sha256 }).meta({ id: 'CertificateRef' });
