import { setTimeout as delay } from 'node:timers/promises';
import { Client, type EventRow } from '../../e2e/client.js';
import type { Stack } from '../../e2e/stack.js';

const PAGE = 200;

export interface ShownState {
  readonly rest: string;
  readonly graphql: string;
  readonly journal: { readonly epoch: number; readonly seq: number };
}

export interface ShownAgent {
  readonly id: string;
  readonly org: string;
}

/** The public API, as somebody who looks would use it. */
export class Shown {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(stack: Stack): Promise<Shown> {
    return new Shown(await Client.signIn(stack));
  }

  /** An agent's timeline, newest first, in pages. */
  async *timeline({ id, org }: ShownAgent): AsyncGenerator<EventRow[]> {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = `agentId=${id}&limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
      const page: { items: EventRow[]; nextCursor: string | null } = await this.#client.get(
        `/api/v1/orgs/${org}/events?${query}`,
      );
      yield page.items;
      cursor = page.nextCursor;
    }
  }

  /** State by REST and by GraphQL, and how far its journal is shown to be, by agent. */
  async states(org: string): Promise<Map<string, ShownState>> {
    const states = new Map<string, ShownState>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = `limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
      const page: {
        items: { id: string; state: string; journal: { epoch: number; seq: number } }[];
        nextCursor: string | null;
      } = await this.#client.get(`/api/v1/orgs/${org}/agents?${query}`);
      for (const { id, state, journal } of page.items) states.set(id, { rest: state, graphql: '', journal });
      cursor = page.nextCursor;
    }
    for (let after: string | null = null, more = true; more; ) {
      const { org: found }: GraphAgents = await this.#client.graphql(AGENTS, { org, after });
      for (const { node } of found.agents.edges) {
        const known = states.get(node.id) ?? { rest: '', graphql: '', journal: { epoch: 0, seq: 0 } };
        states.set(node.id, { ...known, graphql: node.state.toLowerCase() });
      }
      after = found.agents.pageInfo.endCursor;
      more = found.agents.pageInfo.hasNextPage;
    }
    return states;
  }

  /**
   * Agents that REST and GraphQL do not both call what the newest of their transitions says. Looked at again for a
   * while: detection may just be beginning again after a pause of its own.
   */
  async misstated(org: string, expected: ReadonlyMap<string, string>, patienceMs: number): Promise<number> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const states = await this.states(org);
      const wrong = [...expected].filter(([id, state]) => {
        const seen = states.get(id);
        return seen?.rest !== state || seen.graphql !== state;
      });
      if (wrong.length === 0 || performance.now() > until) return wrong.length;
      await delay(1_000);
    }
  }
}

interface GraphAgents {
  readonly org: {
    readonly agents: {
      readonly edges: readonly { readonly node: { readonly id: string; readonly state: string } }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    };
  };
}

const AGENTS = `query ($org: String!, $after: String) {
  org(slug: $org) {
    agents(first: 100, after: $after) { edges { node { id state } } pageInfo { hasNextPage endCursor } }
  }
}`;
