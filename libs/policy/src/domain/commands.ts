import type { PolicyDocument, PolicyTarget, RolloutPlan } from '@keyfleet/contracts';

/** The document as it is from now on; the first one makes the policy. Nothing where it is what the draft says. */
export interface DraftPolicy {
  readonly type: 'DraftPolicy';
  readonly policyId: string;
  readonly name: string;
  readonly document: PolicyDocument;
  /** SHA-256 (hex) over the canonical JSON of the document. */
  readonly hash: string;
  /** True where the caller named a policy that must exist. */
  readonly existing: boolean;
  /** Hash of the draft that its writer saw, `null` where there was none; whichever it is where this is absent. */
  readonly replaces?: string | null | undefined;
}

export interface DiscardDraft {
  readonly type: 'DiscardDraft';
  /** Of the draft that was seen; whichever it is where this is absent. */
  readonly hash?: string | undefined;
}

export interface RequestReview {
  readonly type: 'RequestReview';
  readonly comment: string | null;
}

/** By a person who did not write the draft, neither themselves nor through a token they issued. */
export interface ReviewPolicy {
  readonly type: 'ReviewPolicy';
  readonly reviewer: string;
  /** Every token the reviewer ever issued in this organisation. */
  readonly reviewersTokens: readonly string[];
  /** Of the draft that was read. */
  readonly hash: string;
  readonly verdict: 'approved' | 'rejected';
  readonly comment: string | null;
}

/** The approved draft, or an older version's document, as a new version. */
export interface PublishPolicy {
  readonly type: 'PublishPolicy';
  readonly restore: number | null;
  /** Of what its publisher saw; whatever it is where this is absent. */
  readonly hash?: string | undefined;
  readonly plan: RolloutPlan;
}

/** A rollout under way is halted with it. */
export interface RetirePolicy {
  readonly type: 'RetirePolicy';
}

export interface AssignPolicy {
  readonly type: 'AssignPolicy';
  readonly assignmentId: string;
  readonly target: PolicyTarget;
}

export interface UnassignPolicy {
  readonly type: 'UnassignPolicy';
  readonly assignmentId: string;
}

/** As somebody asked for it; refused where the rollout is not in a state for it. To advance the last wave completes. */
export interface ControlRollout {
  readonly type: 'ControlRollout';
  readonly action: 'pause' | 'resume' | 'advance' | 'halt';
  /** The wave that was seen; whichever it is where this is absent. */
  readonly wave?: number | undefined;
}

/** By the service, which says what it looked at: nothing where the rollout has moved on or waits. */
export interface AdvanceRollout {
  readonly type: 'AdvanceRollout';
  readonly version: number;
  /** The wave that is done. */
  readonly wave: number;
}

/** By the service, where the last wave is done; nothing where the rollout has moved on or waits. */
export interface CompleteRollout {
  readonly type: 'CompleteRollout';
  readonly version: number;
  /** How many have the new version. */
  readonly agents: number;
}

/** By the service, with the figures that made it halt; also while paused. Nothing where it has ended. */
export interface HaltRollout {
  readonly type: 'HaltRollout';
  readonly version: number;
  readonly reason: 'rejected' | 'denied';
  readonly rejected: number;
  readonly denied: number;
  readonly agents: number;
}

export type PolicyCommand =
  | DraftPolicy
  | DiscardDraft
  | RequestReview
  | ReviewPolicy
  | PublishPolicy
  | RetirePolicy
  | AssignPolicy
  | UnassignPolicy
  | ControlRollout
  | AdvanceRollout
  | CompleteRollout
  | HaltRollout;
