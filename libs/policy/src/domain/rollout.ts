import { KeyfleetError } from '@keyfleet/kernel';
import type { AdvanceRollout, CompleteRollout, ControlRollout, HaltRollout } from './commands.js';
import { isRolling, type LivePolicy, type PolicyFact, type Rollout } from './policy.js';

/** Nobody counted: somebody asked for it. */
const REQUESTED = { reason: 'requested', rejected: 0, denied: 0, agents: 0 } as const;

type Figures = Pick<HaltRollout, 'rejected' | 'denied' | 'agents'> & {
  readonly reason: HaltRollout['reason'] | 'requested';
};

export function control({ action }: ControlRollout, state: LivePolicy): readonly PolicyFact[] {
  switch (action) {
    case 'pause':
      return moved(state, 'RolloutPaused', 'running', 'paused');
    case 'resume':
      return moved(state, 'RolloutResumed', 'paused', 'running');
    case 'advance':
      return [next(state, ofState(state, 'running'))];
    case 'halt':
      return [halted(state, ofState(state, 'running', 'paused'), REQUESTED)];
    default:
      return action satisfies never;
  }
}

/** From one state to another; nothing where it is there already. */
function moved(
  state: LivePolicy,
  type: 'RolloutPaused' | 'RolloutResumed',
  from: Rollout['state'],
  to: Rollout['state'],
): readonly PolicyFact[] {
  const rollout = ofState(state, from, to);
  const { version, wave } = rollout;
  return rollout.state === to ? [] : [{ type, v: 1, data: { policyId: state.policyId, version, wave } }];
}

function ofState({ rollout }: LivePolicy, ...states: readonly Rollout['state'][]): Rollout {
  if (!rollout) throw new KeyfleetError('resource.conflict', { detail: 'This policy was never rolled out.' });
  if (states.includes(rollout.state)) return rollout;
  throw new KeyfleetError('resource.conflict', { detail: `The rollout is ${rollout.state}.` });
}

export function advance({ version, wave }: AdvanceRollout, state: LivePolicy): readonly PolicyFact[] {
  const rollout = current(state, version);
  return rollout?.state === 'running' && rollout.wave === wave ? [next(state, rollout)] : [];
}

export function complete({ version, agents }: CompleteRollout, state: LivePolicy): readonly PolicyFact[] {
  const rollout = current(state, version);
  if (rollout?.state !== 'running') return [];
  if (!isLast(rollout)) throw new KeyfleetError('resource.conflict', { detail: 'There are waves to come.' });
  return [{ type: 'RolloutCompleted', v: 1, data: { policyId: state.policyId, version, agents } }];
}

export function halt(
  { type: _, version, ...figures }: HaltRollout,
  state: LivePolicy,
): readonly PolicyFact[] {
  const rollout = current(state, version);
  return rollout && isRolling(state) ? [halted(state, rollout, figures)] : [];
}

/** Where nothing of the policy is to be rolled out any more. */
export function haltForGood(state: LivePolicy): readonly PolicyFact[] {
  return state.rollout && isRolling(state) ? [halted(state, state.rollout, REQUESTED)] : [];
}

function current({ rollout }: LivePolicy, version: number): Rollout | undefined {
  return rollout?.version === version ? rollout : undefined;
}

function isLast({ wave, plan }: Rollout): boolean {
  return wave >= plan.waves.length - 1;
}

function next({ policyId }: LivePolicy, rollout: Rollout): PolicyFact {
  if (isLast(rollout))
    throw new KeyfleetError('resource.conflict', { detail: 'The last wave is under way.' });
  const { version, wave } = rollout;
  return { type: 'RolloutAdvanced', v: 1, data: { policyId, version, wave: wave + 1 } };
}

function halted({ policyId }: LivePolicy, rollout: Rollout, figures: Figures): PolicyFact {
  const { version, wave, from } = rollout;
  return { type: 'RolloutHalted', v: 1, data: { policyId, version, wave, from, ...figures } };
}
