import type { PolicyEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { PoliciesTable } from './tables.js';

export type PolicyFact = RecordedEvent & PolicyEvent;
type Fact<Type extends PolicyFact['type']> = Extract<PolicyFact, { type: Type }>;
type Draft = NonNullable<PoliciesTable['draft']>;
type Rollout = NonNullable<PoliciesTable['rollout']>;
type Changed = Partial<PoliciesTable>;

/** A row after one more fact of its policy. An older fact changes nothing; `undefined` before the first draft. */
export function foldRow(row: PoliciesTable | undefined, fact: PolicyFact): PoliciesTable | undefined {
  if (!row) return fact.type === 'PolicyDrafted' ? begun(fact) : undefined;
  if (fact.revision <= row.revision) return row;
  return { ...row, ...changeOf(row, fact), ...whoChanged(fact), revision: fact.revision };
}

function begun(fact: Fact<'PolicyDrafted'>): PoliciesTable {
  const { data, metadata, revision } = fact;
  return {
    org_id: metadata.orgId as string,
    policy_id: data.policyId,
    name: data.name,
    state: 'draft',
    version: null,
    hash: null,
    document: null,
    draft: draftOf(fact),
    assignments: [],
    rollout: null,
    changed_at: metadata.at,
    changed_by: metadata.actor,
    revision,
  };
}

/** A rollout that goes on by itself is no change of the policy. */
function whoChanged({ metadata: { actor, at } }: PolicyFact): Changed {
  return actor.startsWith('svc_') ? {} : { changed_at: at, changed_by: actor };
}

function changeOf(row: PoliciesTable, fact: PolicyFact): Changed {
  switch (fact.type) {
    case 'PolicyDrafted':
      return { name: fact.data.name, draft: draftOf(fact) };
    case 'PolicyDraftDiscarded':
      return row.draft?.draft === fact.data.draft ? { draft: null } : {};
    case 'PolicyReviewRequested':
    case 'PolicyReviewed':
      return reviewed(row, fact);
    case 'PolicyPublished':
      return published(row, fact);
    case 'PolicyRetired':
      return { state: 'retired' };
    case 'PolicyAssigned':
    case 'PolicyUnassigned':
      return { assignments: assigned(row.assignments, fact) };
    default:
      return { rollout: rolledOut(row.rollout, fact) };
  }
}

function draftOf({ data, metadata }: Fact<'PolicyDrafted'>): Draft {
  const { draft, document, hash, basedOn } = data;
  const { actor: writtenBy, at: writtenAt } = metadata;
  return { draft, document, hash, basedOn, writtenBy, writtenAt, review: null };
}

function reviewed(row: PoliciesTable, fact: Fact<'PolicyReviewRequested' | 'PolicyReviewed'>): Changed {
  const { data, metadata } = fact;
  if (row.draft?.draft !== data.draft) return {};
  const state = fact.type === 'PolicyReviewed' ? fact.data.verdict : 'requested';
  const review: Draft['review'] = { state, comment: data.comment, by: metadata.actor, at: metadata.at };
  return { draft: { ...row.draft, review } };
}

function published(row: PoliciesTable, { data }: Fact<'PolicyPublished'>): Changed {
  const { version, hash, document, draft } = data;
  const left = draft !== null && row.draft?.draft === draft ? { draft: null } : {};
  return { state: 'published', version, hash, document, ...left };
}

function assigned(
  list: PoliciesTable['assignments'],
  { type, data, metadata }: Fact<'PolicyAssigned' | 'PolicyUnassigned'>,
): PoliciesTable['assignments'] {
  const others = list.filter(({ id }) => id !== data.assignmentId);
  if (type === 'PolicyUnassigned') return others;
  const { assignmentId: id, target } = data;
  return [...others, { id, target, assignedAt: metadata.at, assignedBy: metadata.actor }];
}

type RolloutFact = Extract<PolicyFact, { type: `Rollout${string}` }>;

function rolledOut(before: Rollout | null, fact: RolloutFact): Rollout | null {
  const { at } = fact.metadata;
  if (fact.type === 'RolloutStarted') {
    const { version, from, plan } = fact.data;
    return { version, from, state: 'running', wave: 0, plan, startedAt: at, changedAt: at, halt: null };
  }
  return before?.version === fact.data.version ? { ...before, ...progress(fact), changedAt: at } : before;
}

function progress(fact: Exclude<RolloutFact, { type: 'RolloutStarted' }>): Partial<Rollout> {
  switch (fact.type) {
    case 'RolloutAdvanced':
      return { wave: fact.data.wave };
    case 'RolloutPaused':
      return { state: 'paused' };
    case 'RolloutResumed':
      return { state: 'running' };
    case 'RolloutHalted': {
      const { reason, rejected, denied, agents } = fact.data;
      return { state: 'halted', halt: { reason, rejected, denied, agents } };
    }
    case 'RolloutCompleted':
      return { state: 'completed' };
    default:
      return fact satisfies never;
  }
}
