import { checkSelector, type PolicyTarget } from '@keyfleet/contracts';
import type { BulkPoliciesRequest } from '@keyfleet/contracts/http';
import * as messages from '@keyfleet/contracts/messages';
import { assignmentIdOf, type PolicyChange } from '@keyfleet/policy/read-model';
import type { CommandAnswer, Commands } from '../../commands/registry-commands.js';

/** What is asked of each of the policies. */
export function changeOf(asked: BulkPoliciesRequest): PolicyChange {
  switch (asked.action) {
    case 'assign':
      return { type: 'AssignPolicy', assignmentId: assignmentIdOf(asked.target), target: asked.target };
    case 'unassign':
      return { type: 'UnassignPolicy', assignmentId: assignmentIdOf(asked.target) };
    case 'retire':
      return { type: 'RetirePolicy' };
    case 'rollout':
      return { type: 'ControlRollout', action: asked.control };
    default:
      return asked satisfies never;
  }
}

/** The one command that does it for one policy, as it is sent for one policy alone. */
export function send(
  commands: Commands,
  change: PolicyChange,
  policyId: string,
  meta: messages.CommandMeta,
): Promise<CommandAnswer<unknown>> {
  switch (change.type) {
    case 'AssignPolicy':
      return commands.send(messages.assignPolicy, { policyId, target: change.target }, meta);
    case 'UnassignPolicy':
      return commands.send(messages.unassignPolicy, { policyId, assignmentId: change.assignmentId }, meta);
    case 'RetirePolicy':
      return commands.send(messages.retirePolicy, { policyId }, meta);
    case 'ControlRollout':
      return commands.send(messages.controlRollout, { policyId, action: change.action }, meta);
    default:
      return change satisfies never;
  }
}

/** A selector that nobody can read is wrong for every policy, so it is refused before any of them is asked. */
export function assertReadable(target: PolicyTarget): void {
  if (target.kind === 'selector') checkSelector(target.selector, '/target/selector');
}
