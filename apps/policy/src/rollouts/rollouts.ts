import { handle } from '@keyfleet/command-handling';
import type { EventStore } from '@keyfleet/event-store';
import { type Clock, isKeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import {
  policy as decider,
  isRolling,
  type PolicyCommand,
  policyStream,
  type Rollout,
} from '@keyfleet/policy/domain';
import type { Sql } from '@keyfleet/postgres';
import type { KnownPolicy } from '../distribution/policy-book.js';
import { type Figures, readFigures } from './figures.js';
import { type Verdict, verdictOn } from './verdict.js';

export interface RolloutParts {
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'readStream' | 'append'>;
  readonly clock: Clock;
  /** `svc_…`: who is named as the actor. */
  readonly actor: string;
  /** Told of each rollout that went on, was completed or halted. */
  readonly onMoved: (what: 'advanced' | 'completed' | 'halted') => void;
}

/** Carries rollouts on: a wave after the other, and back where too many refuse or deny. */
export class Rollouts {
  readonly #parts: RolloutParts;

  constructor(parts: RolloutParts) {
    this.#parts = parts;
  }

  /**
   * Looks at every rollout of an organisation whose agents were just given what these policies say. True where one of
   * them moved, so that agents are to be given something else. What was decided meanwhile is left as it is.
   */
  async carryOn(
    orgId: string,
    policies: Iterable<KnownPolicy>,
    blocked: ReadonlySet<string>,
  ): Promise<boolean> {
    let moved = false;
    for (const policy of policies) {
      const rollout = underWay(policy);
      if (rollout) moved = (await this.#judge(orgId, policy, rollout, blocked)) || moved;
    }
    return moved;
  }

  async #judge(
    orgId: string,
    { policyId, movedAt }: KnownPolicy,
    rollout: Rollout,
    blocked: ReadonlySet<string>,
  ): Promise<boolean> {
    const { sql, clock, onMoved } = this.#parts;
    const { version } = rollout;
    const figures = await readFigures(sql, orgId, { policyId, version });
    const forMs = clock.now() - movedAt;
    const verdict = verdictOn(rollout, { figures, forMs, blocked: blocked.has(policyId) });
    if (verdict === 'wait') return false;
    const moved = await this.#decide(orgId, policyId, commandOf(verdict, rollout, figures));
    if (moved) onMoved(wordOf(verdict));
    return moved;
  }

  async #decide(orgId: string, policyId: string, command: PolicyCommand): Promise<boolean> {
    const { store, clock, actor } = this.#parts;
    const commandId = newId('cmd');
    try {
      const { events } = await handle(
        { store, clock },
        {
          ...{ decider, stream: policyStream(policyId), command, orgId },
          meta: { commandId, actor, correlationId: commandId },
        },
      );
      return events.length > 0;
    } catch (error) {
      // Somebody decided something else at the same moment; it is looked at again.
      if (isKeyfleetError(error, 'resource.conflict') || isKeyfleetError(error, 'revision.conflict'))
        return false;
      throw error;
    }
  }
}

/** The rollout that holds a policy, where one does. */
export function underWay({ state }: KnownPolicy): Rollout | undefined {
  return state.status === 'live' && state.rollout && isRolling(state) ? state.rollout : undefined;
}

function wordOf(verdict: Exclude<Verdict, 'wait'>): 'advanced' | 'completed' | 'halted' {
  if (verdict === 'advance') return 'advanced';
  return verdict === 'complete' ? 'completed' : 'halted';
}

function commandOf(
  verdict: Exclude<Verdict, 'wait'>,
  { version, wave }: Rollout,
  { agents, rejected, denied }: Figures,
): PolicyCommand {
  if (verdict === 'advance') return { type: 'AdvanceRollout', version, wave };
  if (verdict === 'complete') return { type: 'CompleteRollout', version, agents };
  return { type: 'HaltRollout', version, reason: verdict.halt, rejected, denied, agents };
}
