import { type InfiniteData, type QueryClient, useQueryClient } from '@tanstack/react-query';
import type { Client } from 'graphql-ws';
import { useEffect, useState } from 'react';
import { createLiveConnection } from './live-connection';
import { effectsOf } from './notices';
import { type AgentsPage, FLEET_CHANGED } from './queries';
import { createRenewals, type Renewals } from './renewals';
import type { Agent } from './types';

interface FleetChange {
  readonly reset: boolean;
  readonly readModels: readonly string[];
  readonly agents: readonly Agent[];
}

export type LiveState = 'connecting' | 'live' | 'lost';

let shared: Client | null = null;

function client(): Client {
  shared ??= createLiveConnection({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/graphql`,
  });
  return shared;
}

/** Keeps what is on screen equal to the fleet: changed agents are put into the cache, a reset reads again. */
export function useLiveFleet(org: string): LiveState {
  const queryClient = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  useEffect(() => {
    const renewals = createRenewals(queryClient);
    const connection = client();
    const offs = [
      connection.on('connected', () => setState('live')),
      connection.on('closed', () => setState('lost')),
    ];
    let ended = false;
    let stop = () => {};
    let later: ReturnType<typeof setTimeout> | undefined;
    // A feed that ends while the page is open: the session is over, or the control plane had to let go.
    const again = () => {
      if (ended) return;
      setState('lost');
      void queryClient.invalidateQueries({ queryKey: ['session'] });
      later = setTimeout(start, 1_000 + Math.random() * 4_000);
    };
    const start = () => {
      stop = connection.subscribe<{ fleetChanged: FleetChange }>(
        { query: FLEET_CHANGED, variables: { org } },
        {
          next: ({ data }) => {
            if (!data) return;
            setState('live');
            patchAgents(queryClient, org, data.fleetChanged);
            apply(renewals, org, data.fleetChanged);
          },
          error: again,
          complete: again,
        },
      );
    };
    start();
    return () => {
      ended = true;
      clearTimeout(later);
      stop();
      for (const off of offs) off();
    };
  }, [org, queryClient]);
  return state;
}

function apply({ renew, outdate }: Renewals, org: string, change: FleetChange): void {
  const effects = effectsOf(org, change);
  effects.renew.forEach(renew);
  effects.outdate.forEach(outdate);
}

function patchAgents(queryClient: QueryClient, org: string, { agents }: FleetChange): void {
  if (agents.length === 0) return;
  for (const agent of agents) queryClient.setQueryData(['agent', org, agent.id], agent);
  const byId = new Map(agents.map((agent) => [agent.id, agent]));
  queryClient.setQueriesData<InfiniteData<AgentsPage>>(
    { queryKey: ['agents', org] },
    (data) => data && patch(data, byId),
  );
}

function patch(data: InfiniteData<AgentsPage>, byId: ReadonlyMap<string, Agent>): InfiniteData<AgentsPage> {
  const pages = data.pages.map((page) => ({
    ...page,
    agents: {
      ...page.agents,
      edges: page.agents.edges.map((edge) => ({ node: byId.get(edge.node.id) ?? edge.node })),
    },
  }));
  return { ...data, pages };
}
