import type { PolicyDocument, PolicyTarget, RolloutPlan, RolloutState } from '@keyfleet/contracts';
import type { PolicyEvent } from '@keyfleet/contracts/events';
import type { EventMetadata } from '@keyfleet/kernel';

/** As it comes out of the store: who did it is in the envelope. */
export type PolicyFact = PolicyEvent & { readonly metadata?: Pick<EventMetadata, 'actor'> };

export interface PolicyDraft {
  readonly draft: number;
  readonly document: PolicyDocument;
  readonly hash: string;
  /** A user or token; `null` only before the fact was stored. */
  readonly author: string | null;
  /** The last word of a review; a new draft begins without one. */
  readonly review: 'none' | 'requested' | 'approved' | 'rejected';
}

export interface PolicyVersion {
  readonly version: number;
  readonly hash: string;
  readonly document: PolicyDocument;
}

export interface Assignment {
  readonly assignmentId: string;
  readonly target: PolicyTarget;
}

export interface Rollout {
  readonly version: number;
  /** What agents have that it has not reached; `null` where the policy holds for the first time. */
  readonly from: number | null;
  readonly plan: RolloutPlan;
  readonly state: RolloutState;
  /** Index into the waves of the plan. */
  readonly wave: number;
}

interface KnownPolicy {
  readonly policyId: string;
  readonly name: string;
  /** How many drafts there ever were. */
  readonly drafts: number;
  /** Every one published, in order: that of number n is at n - 1. */
  readonly versions: readonly PolicyVersion[];
  /** What holds for everybody once no rollout is under way; `null` where none was completed yet. */
  readonly inForce: number | null;
}

export interface LivePolicy extends KnownPolicy {
  readonly status: 'live';
  readonly draft: PolicyDraft | null;
  readonly assignments: readonly Assignment[];
  /** The last one, whatever came of it. */
  readonly rollout: Rollout | null;
}

export type Policy =
  | { readonly status: 'unknown' }
  | LivePolicy
  | (KnownPolicy & { readonly status: 'retired' });

export const initialState: Policy = { status: 'unknown' };

/** Few enough that each change of a label can be held against all of them. */
export const POLICY_MAX_ASSIGNMENTS = 200;

export function policyStream(policyId: string): string {
  return `policy-${policyId}`;
}

/** Whether a rollout holds the policy: running, or paused and to be gone on with. */
export function isRolling(state: Pick<LivePolicy, 'rollout'>): boolean {
  return state.rollout?.state === 'running' || state.rollout?.state === 'paused';
}

export function evolve(state: Policy, event: PolicyFact): Policy {
  if (event.type === 'PolicyDrafted') return drafted(state, event);
  return state.status === 'live' ? evolveLive(state, event) : state;
}

function drafted(state: Policy, { data, metadata }: PolicyFact & { readonly type: 'PolicyDrafted' }): Policy {
  if (state.status === 'retired') return state;
  const { policyId, name, draft, document, hash } = data;
  const known: LivePolicy =
    state.status === 'live'
      ? state
      : {
          ...{ status: 'live', policyId, name, drafts: 0, versions: [], inForce: null },
          ...{ draft: null, assignments: [], rollout: null },
        };
  const written = { draft, document, hash, author: metadata?.actor ?? null, review: 'none' } as const;
  return { ...known, name, drafts: draft, draft: written };
}

function evolveLive(state: LivePolicy, event: PolicyFact): Policy {
  switch (event.type) {
    case 'PolicyDraftDiscarded':
      return { ...state, draft: null };
    case 'PolicyReviewRequested':
      return reviewed(state, event.data.draft, 'requested');
    case 'PolicyReviewed':
      return reviewed(state, event.data.draft, event.data.verdict);
    case 'PolicyPublished': {
      const { version, hash, document, draft } = event.data;
      const versions = [...state.versions, { version, hash, document }];
      return { ...state, versions, draft: draft === null ? state.draft : null };
    }
    case 'PolicyRetired': {
      const { policyId, name, drafts, versions, inForce } = state;
      return { status: 'retired', policyId, name, drafts, versions, inForce };
    }
    case 'PolicyAssigned': {
      const { assignmentId, target } = event.data;
      return { ...state, assignments: [...without(state, assignmentId), { assignmentId, target }] };
    }
    case 'PolicyUnassigned':
      return { ...state, assignments: without(state, event.data.assignmentId) };
    default:
      return evolveRollout(state, event);
  }
}

function reviewed(state: LivePolicy, draft: number, review: PolicyDraft['review']): LivePolicy {
  return state.draft?.draft === draft ? { ...state, draft: { ...state.draft, review } } : state;
}

function without(state: LivePolicy, assignmentId: string): readonly Assignment[] {
  return state.assignments.filter((one) => one.assignmentId !== assignmentId);
}

function evolveRollout(state: LivePolicy, event: PolicyFact): LivePolicy {
  if (event.type === 'RolloutStarted') {
    const { version, from, plan } = event.data;
    return { ...state, rollout: { version, from, plan, state: 'running', wave: 0 } };
  }
  const { rollout } = state;
  if (!rollout) return state;
  switch (event.type) {
    case 'RolloutAdvanced':
      return { ...state, rollout: { ...rollout, wave: event.data.wave } };
    case 'RolloutPaused':
      return { ...state, rollout: { ...rollout, state: 'paused' } };
    case 'RolloutResumed':
      return { ...state, rollout: { ...rollout, state: 'running' } };
    case 'RolloutHalted':
      return { ...state, rollout: { ...rollout, state: 'halted' } };
    case 'RolloutCompleted':
      return { ...state, inForce: event.data.version, rollout: { ...rollout, state: 'completed' } };
    default:
      return state;
  }
}
