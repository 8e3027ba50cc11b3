import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import type {
  AssignPolicy,
  DiscardDraft,
  DraftPolicy,
  PolicyCommand,
  PublishPolicy,
  RequestReview,
  ReviewPolicy,
  UnassignPolicy,
} from './commands.js';
import {
  evolve,
  initialState,
  isRolling,
  type LivePolicy,
  POLICY_MAX_ASSIGNMENTS,
  type Policy,
  type PolicyDraft,
  type PolicyFact,
  type PolicyVersion,
} from './policy.js';
import { advance, complete, control, halt, haltForGood } from './rollout.js';

const conflict = (detail: string) => new KeyfleetError('resource.conflict', { detail });
const anotherDraft = () => conflict('The draft is another one by now; read it again.');

function draftPolicy(command: DraftPolicy, state: Policy): readonly PolicyFact[] {
  const { type: _, existing, replaces, ...written } = command;
  if (existing !== (state.status !== 'unknown'))
    throw new KeyfleetError(existing ? 'resource.not-found' : 'resource.exists');
  if (state.status === 'retired') throw conflict('This policy was retired.');
  if (state.status === 'unknown') {
    assertReplaces(replaces, null);
    return [{ type: 'PolicyDrafted', v: 1, data: { ...written, draft: 1, basedOn: null } }];
  }
  // Also what is sent once more because its answer was lost.
  if (state.draft?.hash === written.hash && state.name === written.name) return [];
  assertReplaces(replaces, state.draft);
  const basedOn = state.versions.at(-1)?.version ?? null;
  return [{ type: 'PolicyDrafted', v: 1, data: { ...written, draft: state.drafts + 1, basedOn } }];
}

/** Nobody's words go away that the writer of others has not seen. */
function assertReplaces(seen: DraftPolicy['replaces'], draft: PolicyDraft | null): void {
  if (seen === undefined || seen === (draft?.hash ?? null)) return;
  throw draft ? anotherDraft() : conflict('There is no such draft any more; read the policy again.');
}

function draftOf({ draft }: LivePolicy): PolicyDraft {
  if (!draft) throw conflict('This policy has no draft.');
  return draft;
}

function discard({ hash: seen }: DiscardDraft, state: LivePolicy): readonly PolicyFact[] {
  const { draft, hash } = draftOf(state);
  if (seen !== undefined && seen !== hash) throw anotherDraft();
  return [{ type: 'PolicyDraftDiscarded', v: 1, data: { policyId: state.policyId, draft } }];
}

/** What was approved stays so, and asking twice asks once. */
function requestReview({ comment }: RequestReview, state: LivePolicy): readonly PolicyFact[] {
  const { draft, hash, review } = draftOf(state);
  if (review === 'requested' || review === 'approved') return [];
  return [{ type: 'PolicyReviewRequested', v: 1, data: { policyId: state.policyId, draft, hash, comment } }];
}

function review(command: ReviewPolicy, state: LivePolicy): readonly PolicyFact[] {
  const { reviewer, reviewersTokens, hash, verdict, comment } = command;
  const { draft, author, ...written } = draftOf(state);
  // A token would let one person be two.
  if (!reviewer.startsWith('usr_'))
    throw new KeyfleetError('policy.own-review', { detail: 'A review is by a person, not by a token.' });
  if (author === null || author === reviewer || reviewersTokens.includes(author))
    throw new KeyfleetError('policy.own-review');
  if (written.hash !== hash) throw anotherDraft();
  if (written.review === verdict) return [];
  return [
    { type: 'PolicyReviewed', v: 1, data: { policyId: state.policyId, draft, hash, verdict, comment } },
  ];
}

/** Publishing and the start of its rollout are one append, so that nothing is half of both. */
function publish({ restore, hash, plan }: PublishPolicy, state: LivePolicy): readonly PolicyFact[] {
  if (isRolling(state)) throw new KeyfleetError('policy.rollout-running');
  const source = restore === null ? approvedDraft(state, hash) : olderVersion(state, restore, hash);
  const { policyId, inForce } = state;
  const version = state.versions.length + 1;
  return [
    { type: 'PolicyPublished', v: 1, data: { policyId, version, restores: restore, ...source } },
    { type: 'RolloutStarted', v: 1, data: { policyId, version, from: inForce, plan } },
  ];
}

type Source = Pick<PolicyVersion, 'hash' | 'document'> & { readonly draft: number | null };

function approvedDraft(state: LivePolicy, seen: string | undefined): Source {
  const { draft, hash, document, review: verdict } = draftOf(state);
  if (seen !== undefined && seen !== hash) throw anotherDraft();
  if (verdict !== 'approved') throw new KeyfleetError('policy.not-reviewed');
  return { hash, document, draft };
}

/** Was reviewed when it was published; one that was halted may be tried again. */
function olderVersion({ versions, inForce }: LivePolicy, restore: number, seen: string | undefined): Source {
  const found = versions[restore - 1];
  if (!found) throw new KeyfleetError('resource.not-found', { detail: 'There is no such version.' });
  if (seen !== undefined && seen !== found.hash) throw conflict('This version has another content.');
  if (restore === inForce) throw conflict('This version is in force.');
  return { hash: found.hash, document: found.document, draft: null };
}

function retire(state: LivePolicy): readonly PolicyFact[] {
  return [...haltForGood(state), { type: 'PolicyRetired', v: 1, data: { policyId: state.policyId } }];
}

function assign({ assignmentId, target }: AssignPolicy, state: LivePolicy): readonly PolicyFact[] {
  // An id stands for its target, so the same id is the same assignment.
  if (state.assignments.some((one) => one.assignmentId === assignmentId)) return [];
  if (state.assignments.length >= POLICY_MAX_ASSIGNMENTS)
    throw conflict(`A policy has at most ${POLICY_MAX_ASSIGNMENTS} assignments.`);
  return [{ type: 'PolicyAssigned', v: 1, data: { policyId: state.policyId, assignmentId, target } }];
}

function unassign({ assignmentId }: UnassignPolicy, state: LivePolicy): readonly PolicyFact[] {
  if (!state.assignments.some((one) => one.assignmentId === assignmentId))
    throw new KeyfleetError('resource.not-found', { detail: 'There is no such assignment.' });
  return [{ type: 'PolicyUnassigned', v: 1, data: { policyId: state.policyId, assignmentId } }];
}

function decide(command: PolicyCommand, state: Policy): readonly PolicyFact[] {
  if (command.type === 'DraftPolicy') return draftPolicy(command, state);
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'live') return decideLive(command, state);
  if (byService(command) || command.type === 'RetirePolicy') return [];
  throw conflict('This policy was retired.');
}

/** What the service saw may be over by the time it acts on it. */
function byService({ type }: PolicyCommand): boolean {
  return type === 'AdvanceRollout' || type === 'CompleteRollout' || type === 'HaltRollout';
}

function decideLive(command: Exclude<PolicyCommand, DraftPolicy>, state: LivePolicy): readonly PolicyFact[] {
  switch (command.type) {
    case 'DiscardDraft':
      return discard(command, state);
    case 'RequestReview':
      return requestReview(command, state);
    case 'ReviewPolicy':
      return review(command, state);
    case 'PublishPolicy':
      return publish(command, state);
    case 'RetirePolicy':
      return retire(state);
    case 'AssignPolicy':
      return assign(command, state);
    case 'UnassignPolicy':
      return unassign(command, state);
    case 'ControlRollout':
      return control(command, state);
    case 'AdvanceRollout':
      return advance(command, state);
    case 'CompleteRollout':
      return complete(command, state);
    case 'HaltRollout':
      return halt(command, state);
    default:
      return command satisfies never;
  }
}

export const policy: Decider<Policy, PolicyCommand, PolicyFact> = { initialState, evolve, decide };
