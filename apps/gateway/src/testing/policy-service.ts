import { answer, handle } from '@keyfleet/command-handling';
import { AT_ONCE, type PolicyTarget } from '@keyfleet/contracts';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { type ErrorCode, KeyfleetError } from '@keyfleet/kernel';
import { newId, systemClock } from '@keyfleet/platform';
import { type PolicyCommand, policy, policyStream } from '@keyfleet/policy/domain';
import { assignmentIdOf, type PolicyStanding } from '@keyfleet/policy/read-model';
import type { Commands } from '../commands/registry-commands.js';
import type { PolicyReads } from '../reads/policy-reads.js';

const HASH = 'ab'.repeat(32);
const document = {
  statements: [
    { id: 'one', effect: 'allow' as const, principals: ['*'], actions: ['read' as const], resources: ['**'] },
  ],
};

interface Known {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
}

type Data = { readonly policyId: string } & Record<string, unknown>;

/** Policies as their service decides on them, in memory, with reads that lag nothing behind. */
export class PolicyServiceDouble implements Commands {
  readonly #store = createInMemoryEventStore({ clock: systemClock });
  readonly #known = new Map<string, Known>();
  /** Policies of which nothing is heard, with what is thrown instead. */
  readonly faults = new Map<string, ErrorCode>();
  /** Commands that came, by policy. */
  readonly asked: string[] = [];
  /** How many are under way, and how many ever were at once. */
  readonly load = { now: 0, most: 0 };

  readonly reads: Partial<PolicyReads> = {
    standings: async (orgId, ids) => {
      const own = ids.flatMap((id) => this.#known.get(id) ?? []).filter((one) => one.orgId === orgId);
      return Promise.all(own.map((one) => this.#standing(one)));
    },
    holders: async (_orgId, ids) =>
      ids.flatMap((policyId) => [1, 2].map((version) => ({ policyId, version, agents: 3 * version }))),
  };

  /** Drafted, and published `versions` times to everybody at once; the last of them is still under way. */
  async policy(orgId: string, name: string, { versions = 0 } = {}): Promise<string> {
    const id = newId('pol');
    this.#known.set(id, { id, name, orgId });
    const draft = { type: 'DraftPolicy', policyId: id, name, document, hash: HASH } as const;
    const review = { type: 'ReviewPolicy', reviewer: 'usr_2', reviewersTokens: [], hash: HASH } as const;
    await this.#decide(id, { ...draft, existing: false }, orgId);
    if (versions > 0) {
      await this.#decide(id, { ...review, verdict: 'approved', comment: null }, orgId);
      await this.#decide(id, { type: 'PublishPolicy', restore: null, plan: AT_ONCE }, orgId);
    }
    return id;
  }

  /** What happened to a policy. */
  async typesOf(id: string): Promise<string[]> {
    return (await this.#store.readStream(policyStream(id))).map(({ type }) => type);
  }

  readonly send: Commands['send'] = async (contract, sent, meta) => {
    const data = sent as Data;
    this.asked.push(data.policyId);
    this.load.most = Math.max(this.load.most, ++this.load.now);
    try {
      const fault = this.faults.get(data.policyId);
      await new Promise((resolve) => setImmediate(resolve));
      if (fault) throw new KeyfleetError(fault);
      const handled = await this.#decide(data.policyId, commandOf(contract.subject, data), meta.orgId, meta);
      return answer({}, handled) as never;
    } finally {
      this.load.now -= 1;
    }
  };

  #decide(id: string, command: PolicyCommand, orgId: string | null, meta?: CommandMeta) {
    const by = meta ?? { commandId: newId('cmd'), actor: 'usr_1', correlationId: 'given' };
    const parts = { store: this.#store, clock: systemClock };
    const stream = policyStream(id);
    return handle(parts, { decider: policy, stream, command, orgId: orgId ?? '', meta: by });
  }

  async #standing({ id, name }: Known): Promise<PolicyStanding> {
    let state = policy.initialState;
    for (const event of await this.#store.readStream(policyStream(id)))
      state = policy.evolve(state, event as never);
    if (state.status !== 'live') return { id, name, state: 'retired', assignments: [], rollout: null };
    const assigned = { assignedAt: '', assignedBy: '' };
    return {
      ...{ id, name, state: state.versions.length > 0 ? 'published' : 'draft' },
      assignments: state.assignments.map(({ assignmentId, target }) => ({
        ...{ id: assignmentId, target, ...assigned },
      })),
      rollout: state.rollout && { ...state.rollout, startedAt: '', changedAt: '', halt: null },
    };
  }
}

function commandOf(subject: string, data: Data): PolicyCommand {
  switch (subject) {
    case 'kf.svc.policy.assign': {
      const target = data['target'] as PolicyTarget;
      return { type: 'AssignPolicy', assignmentId: assignmentIdOf(target), target };
    }
    case 'kf.svc.policy.unassign':
      return { type: 'UnassignPolicy', assignmentId: data['assignmentId'] as string };
    case 'kf.svc.policy.retire':
      return { type: 'RetirePolicy' };
    case 'kf.svc.policy.control-rollout':
      return { type: 'ControlRollout', action: data['action'] as 'pause' };
    default:
      throw new TypeError(`nothing is known of ${subject}`);
  }
}
