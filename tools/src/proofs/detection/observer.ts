import { setTimeout as delay } from 'node:timers/promises';
import type { AgentRow } from '../../e2e/client.js';
import type { Prometheus } from './prometheus.js';
import type { DetectionWorld } from './world.js';

/** What somebody was shown at one moment of test time. */
export interface Sight {
  readonly at: number;
  readonly via: 'rest' | 'graphql';
  /** The states shown, each once; none where the answer was no list. */
  readonly states: readonly string[];
}

/** A moment at which an alert was seen to fire. */
export interface Firing {
  readonly at: number;
  readonly name: string;
}

const EVERY_REAL_MS = 250;
const AGENTS = 'query($s: String!) { org(slug: $s) { agents(first: 50) { edges { node { state } } } } }';

/** Looks over and over at what users and operators would see, and writes it down. */
export class Observer {
  readonly sights: Sight[] = [];
  readonly firings: Firing[] = [];
  readonly #world: DetectionWorld;
  readonly #prometheus: Prometheus;
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[];

  constructor(world: DetectionWorld, prometheus: Prometheus) {
    this.#world = world;
    this.#prometheus = prometheus;
    this.#loops = [
      this.#repeat(() => this.#see('rest', () => this.#overRest())),
      this.#repeat(() => this.#see('graphql', () => this.#overGraphql())),
      this.#repeat(() => this.#seeAlerts()),
    ];
  }

  /** Whether everybody was last shown every agent online, and no alert fires, as of after this moment. */
  isNormalSince(at: number): boolean {
    const seen = [this.#last('rest'), this.#last('graphql')];
    const online = seen.every((sight) => sight && sight.at > at && isOnline(sight));
    return online && this.#alertsSeenAt > at && this.#firingNow.length === 0;
  }

  /** For whoever wonders why it is not. */
  lastSeen(): { readonly shown: readonly Sight[]; readonly firing: readonly string[] } {
    const shown = (['rest', 'graphql'] as const).flatMap((via) => this.#last(via) ?? []);
    return { shown, firing: this.#firingNow };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  #last(via: Sight['via']): Sight | undefined {
    return this.sights.findLast((sight) => sight.via === via);
  }

  #alertsSeenAt = 0;
  #firingNow: readonly string[] = [];

  async #repeat(look: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await look();
      await delay(EVERY_REAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** A moment is that of the question: an answer may have been long underway. */
  async #see(via: Sight['via'], ask: () => Promise<readonly string[]>): Promise<void> {
    const at = this.#world.now();
    const states = await ask().catch(() => []);
    this.sights.push({ at, via, states: [...new Set(states)] });
  }

  async #overRest(): Promise<readonly string[]> {
    const lists = this.#world.stack.run.orgs.map(({ slug }) =>
      this.#world.client.get<{ items: AgentRow[] }>(`/api/v1/orgs/${slug}/agents?limit=50`),
    );
    return (await Promise.all(lists)).flatMap(({ items }) => items.map(({ state }) => state));
  }

  async #overGraphql(): Promise<readonly string[]> {
    type Answer = { org: { agents: { edges: { node: { state: string } }[] } } };
    const lists = this.#world.stack.run.orgs.map(({ slug }) =>
      this.#world.client.graphql<Answer>(AGENTS, { s: slug }),
    );
    // REST and GraphQL do not spell states the same way.
    return (await Promise.all(lists)).flatMap(({ org }) =>
      org.agents.edges.map(({ node }) => node.state.toLowerCase()),
    );
  }

  async #seeAlerts(): Promise<void> {
    const at = this.#world.now();
    const alerts = await this.#prometheus.alerts().catch(() => undefined);
    if (!alerts) return;
    this.#firingNow = alerts.filter(({ state }) => state === 'firing').map(({ name }) => name);
    this.#alertsSeenAt = at;
    for (const name of this.#firingNow) this.firings.push({ at, name });
  }
}

export const isOnline = ({ states }: Sight): boolean => states.length === 1 && states[0] === 'online';
