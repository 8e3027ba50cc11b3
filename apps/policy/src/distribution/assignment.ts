import { type Filter, type PolicyTarget, parseSelector, selects } from '@keyfleet/contracts';
import type { KnownPolicy } from './policy-book.js';

/** An agent as far as targets go; `labels` is the text of a JSON object, because most agents share theirs with others. */
export interface Candidate {
  readonly agentId: string;
  readonly labels: string;
}

/** Selectors of an organisation's groups by id. */
export type Groups = ReadonlyMap<string, string>;

type Labels = Readonly<Record<string, string>>;

interface Reach {
  readonly everybody: boolean;
  readonly filters: readonly Filter[];
  readonly agents: ReadonlySet<string>;
}

/**
 * Says which policies an agent is assigned, by their place in the list. A policy has an agent once, however many of its
 * targets meet it; a group that is gone meets nobody.
 */
export class Assignments {
  readonly #reaches: readonly Reach[];
  readonly #byLabels = new Map<string, readonly boolean[]>();

  constructor(policies: readonly KnownPolicy[], groups: Groups) {
    const parsed = new Map<string, Filter>();
    this.#reaches = policies.map((policy) => reachOf(targetsOf(policy), groups, parsed));
  }

  of({ agentId, labels }: Candidate): number[] {
    const byLabels = this.#metBy(labels);
    const met: number[] = [];
    for (const [index, reach] of this.#reaches.entries())
      if (byLabels[index] || reach.agents.has(agentId)) met.push(index);
    return met;
  }

  #metBy(text: string): readonly boolean[] {
    const known = this.#byLabels.get(text);
    if (known) return known;
    const labels = JSON.parse(text) as Labels;
    const met = this.#reaches.map(
      ({ everybody, filters }) => everybody || filters.some((filter) => selects(filter, labels)),
    );
    this.#byLabels.set(text, met);
    return met;
  }
}

function targetsOf({ state }: KnownPolicy): readonly PolicyTarget[] {
  return state.status === 'live' ? state.assignments.map(({ target }) => target) : [];
}

function reachOf(targets: readonly PolicyTarget[], groups: Groups, parsed: Map<string, Filter>): Reach {
  const selectors = targets.flatMap((target) => {
    if (target.kind === 'selector') return [target.selector];
    const selector = target.kind === 'group' ? groups.get(target.groupId) : undefined;
    return selector === undefined ? [] : [selector];
  });
  return {
    everybody: targets.some(({ kind }) => kind === 'organisation'),
    filters: selectors.map((selector) => {
      const filter = parsed.get(selector) ?? parseSelector(selector);
      parsed.set(selector, filter);
      return filter;
    }),
    agents: new Set(targets.flatMap((target) => (target.kind === 'agent' ? [target.agentId] : []))),
  };
}
