import { KeyfleetError } from '@keyfleet/kernel';
import type { AdvanceRollout, CompleteRollout, ControlRollout, HaltRollout } from './commands.js';
import { isRolling, type LivePolicy, type PolicyFact, type Rollout } from './policy.js';

/** Nobody counted: somebody asked for it. */
const UNCOUNTED = { rejected: 0, denied: 0, agents: 0 } as const;
const REQUESTED = { reason: 'requested', ...UNCOUNTED } as const;

type Figures = Pick<HaltRollout, 'rejected' | 'denied' | 'agents'> & {
  readonly reason: HaltRollout['reason'] | 'requested';
};

export function control({ action, wave }: ControlRollout, state: LivePolicy): readonly PolicyFact[] {
  // Who asks for the next wave while the last one begins must not complete the rollout unseen.
  if (wave !== undefined && state.rollout && state.rollout.wave !== wave)
    throw new KeyfleetError('resource.conflict', { detail: 'The rollout is in another wave by now.' });
  switch (action) {
    case 'pause':
      return moved(state, 'RolloutPaused', 'running', 'paused');
    case 'resume':
      return moved(state, 'RolloutResumed', 'paused', 'running');
    case 'advance':
      return [onward(state, ofState(state, 'running'))];
    case 'halt':
      return [halted(state, ofState(state, 'running', 'paused'), REQUESTED)];
    default:
      return action satisfies never;
  }
}

/**
 * To the next wave, or out of the last one: who cannot answer, such as an agent with a full disk, does not hold the
 * policy for ever. What lacks the version is told by what agents report, rollout or not.
 */
function onward(state: LivePolicy, rollout: Rollout): PolicyFact {
  return isLast(rollout) ? completed(state, rollout, UNCOUNTED.agents) : next(state, rollout);
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
  return [completed(state, rollout, agents)];
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

function completed({ policyId }: LivePolicy, { version }: Rollout, agents: number): PolicyFact {
  return { type: 'RolloutCompleted', v: 1, data: { policyId, version, agents } };
}

function halted({ policyId }: LivePolicy, rollout: Rollout, figures: Figures): PolicyFact {
  const { version, wave, from } = rollout;
  return { type: 'RolloutHalted', v: 1, data: { policyId, version, wave, from, ...figures } };
}
