import type { PolicyReplay } from '@keyfleet/contracts/http';
import { type Answer, PolicySet, type PolicySource, Replay, readClass } from '@keyfleet/policy-engine';
import type { RecordedClass } from './request-classes.js';

export interface ReplayTask {
  readonly kind: 'replay-start';
  /** The policies of each distinct bundle there is. */
  readonly bundles: readonly (readonly PolicySource[])[];
  /** Which of them each agent has, by index; an agent that is missing has none. */
  readonly agents: ReadonlyMap<string, number>;
  readonly draft: PolicySource;
  readonly days: number;
}

type Flip = PolicyReplay['flips'][number];
type Group = Omit<Flip, 'agents'> & { readonly agents: Set<string>; requests: number };

/** As many as a person looks through. */
const MOST_SHOWN = 200;
/** Beyond so many, what else flips is counted only. */
const MOST_GROUPS = 20_000;

/** A bundle before and after the draft has come to it. */
interface Pair {
  /** Null where no policy held: then what keys are granted decided alone. */
  readonly before: Replay | null;
  readonly after: Replay;
  readonly set: PolicySet;
}
type Recorded = ReturnType<typeof readClass>;

/**
 * Recorded requests under the policies in force and under the draft. The draft takes the place of its policy in every
 * bundle that has it; where none has, it comes to all of them, as if it were assigned to the organisation.
 */
export class ReplaySession {
  readonly #pairs: readonly (Pair | null)[];
  readonly #without: Pair | null;
  readonly #agents: ReplayTask['agents'];
  readonly #days: number;
  readonly #groups = new Map<string, Group>();
  #counts = { classes: 0, requests: 0, unchanged: 0, undecidable: 0, more: 0 };

  constructor({ bundles, agents, draft, days }: ReplayTask) {
    const replaced = bundles.some((policies) => has(policies, draft.policyId));
    const pairOf = (policies: readonly PolicySource[]): Pair | null => {
      if (replaced && !has(policies, draft.policyId)) return null;
      const others = policies.filter(({ policyId }) => policyId !== draft.policyId);
      return makePair(policies, [...others, draft]);
    };
    this.#pairs = bundles.map(pairOf);
    this.#without = pairOf([]);
    this.#agents = agents;
    this.#days = days;
  }

  add(rows: readonly RecordedClass[]): void {
    for (const row of rows) this.#one(row);
  }

  end(): PolicyReplay {
    const groups = [...this.#groups.values()].sort((a, b) => b.requests - a.requests);
    return {
      days: this.#days,
      ...this.#counts,
      more: this.#counts.more + Math.max(0, groups.length - MOST_SHOWN),
      flips: groups.slice(0, MOST_SHOWN).map(({ agents, ...flip }) => ({ ...flip, agents: agents.size })),
    };
  }

  #one(row: RecordedClass): void {
    const counts = this.#counts;
    const requests = row.allowed + row.denied;
    counts.classes += 1;
    counts.requests += requests;
    const pair = this.#pairOf(row);
    // What a key was not granted, no policy gives.
    const asked = pair?.before ? requests : row.allowed;
    if (!pair || asked === 0) return void (counts.unchanged += requests);
    counts.unchanged += requests - asked;
    this.#compare(row, pair, asked);
  }

  #pairOf({ agentId }: RecordedClass): Pair | null {
    const index = this.#agents.get(agentId);
    return index === undefined ? this.#without : (this.#pairs[index] ?? null);
  }

  #compare(row: RecordedClass, pair: Pair, asked: number): void {
    const recorded = readClass(row);
    const from = pair.before?.answer(recorded) ?? 'allowed';
    const to = pair.after.answer(recorded);
    if (from === 'not-decidable' || to === 'not-decidable') this.#counts.undecidable += asked;
    else if (from === to) this.#counts.unchanged += asked;
    if (from !== to && from !== 'not-decidable') this.#flip(row, { from, to, pair, recorded, asked });
  }

  #flip(row: RecordedClass, { from, to, pair, recorded, asked }: Changed): void {
    const { principal, action, secret: path } = row;
    const key = JSON.stringify([from, to, principal, action, path]);
    const known = this.#groups.get(key);
    if (known) {
      known.agents.add(row.agentId);
      known.requests += asked;
      return;
    }
    if (this.#groups.size >= MOST_GROUPS) return void (this.#counts.more += 1);
    const by = pair.set.decide(recorded.request, recorded.unknown).by;
    const agents = new Set([row.agentId]);
    const shown = to === 'not-decidable' ? 'undecidable' : to;
    this.#groups.set(key, { from, to: shown, principal, action, path, agents, requests: asked, by });
  }
}

interface Changed {
  readonly from: Exclude<Answer, 'not-decidable'>;
  readonly to: Answer;
  readonly pair: Pair;
  readonly recorded: Recorded;
  readonly asked: number;
}

function has(policies: readonly PolicySource[], id: string): boolean {
  return policies.some(({ policyId }) => policyId === id);
}

function makePair(before: readonly PolicySource[], after: readonly PolicySource[]): Pair {
  const set = new PolicySet(after);
  const old = before.length === 0 ? null : new Replay(new PolicySet(before));
  return { set, before: old, after: new Replay(set) };
}
