import {
  type AssignPolicy,
  type ControlRollout,
  type Policy,
  policy,
  type RetirePolicy,
  type UnassignPolicy,
} from '../../domain/index.js';
import type { PolicyStanding } from './standing.js';

/** What may be asked of many policies at once. */
export type PolicyChange = AssignPolicy | UnassignPolicy | RetirePolicy | ControlRollout;

/**
 * What a change would come to, decided by the rules that decide the change itself, on what is known by now. Throws the
 * refusal.
 */
export function foresee(change: PolicyChange, standing: PolicyStanding): 'would' | 'unchanged' {
  if (isSo(change, standing)) return 'unchanged';
  return policy.decide(change, stateOf(standing)).length > 0 ? 'would' : 'unchanged';
}

const LEADS_TO = { pause: 'paused', resume: 'running', halt: 'halted', advance: undefined } as const;

/** Whether what is asked for is so by what is known; a command may refuse what is so, such as halting twice. */
export function isSo(change: PolicyChange, { state, assignments, rollout }: PolicyStanding): boolean {
  if (state === 'retired') return change.type === 'RetirePolicy';
  switch (change.type) {
    case 'AssignPolicy':
      return assignments.some(({ id }) => id === change.assignmentId);
    case 'UnassignPolicy':
      return !assignments.some(({ id }) => id === change.assignmentId);
    case 'ControlRollout':
      return rollout !== null && rollout.state === LEADS_TO[change.action];
    case 'RetirePolicy':
      return false;
    default:
      return change satisfies never;
  }
}

/** Of its drafts and versions nothing is asked here. */
function stateOf({ id: policyId, name, state, assignments, rollout }: PolicyStanding): Policy {
  const known = { policyId, name, drafts: 0, versions: [], inForce: null };
  if (state === 'retired') return { ...known, status: 'retired' };
  const held = assignments.map(({ id, target }) => ({ assignmentId: id, target }));
  return { ...known, status: 'live', draft: null, assignments: held, rollout };
}
