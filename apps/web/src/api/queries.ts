import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { graphql } from './graphql';
import { rest } from './rest';
import type { Agent, AgentCounts, Connection, FleetEvent, Session } from './types';

const AGENT_FIELDS = `id name state version labels lastSeenAt enrolledAt secrets storage seal
  journal { epoch seq } lastEvent { type at } certificateExpiresAt`;

const EVENT_FIELDS = 'id type at recordedAt actor stream data';

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: () => rest<Session>('GET', '/auth/session'),
  staleTime: 60_000,
});

export interface AgentsPage {
  readonly agents: Connection<Agent>;
  readonly agentCounts: AgentCounts;
}

export const agentsQuery = (org: string, filter: string) =>
  infiniteQueryOptions({
    queryKey: ['agents', org, filter],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam }): Promise<AgentsPage> => {
      const query = `query Agents($org: String!, $filter: String, $after: String) {
        org(slug: $org) { agentCounts { online offline unknown revoked }
          agents(first: 50, after: $after, filter: $filter) { edges { node { ${AGENT_FIELDS} } } pageInfo { hasNextPage endCursor } } } }`;
      const variables = { org, filter: filter || null, after: pageParam };
      return (await graphql<{ org: AgentsPage }>(query, variables)).org;
    },
    getNextPageParam: (last) => (last.agents.pageInfo.hasNextPage ? last.agents.pageInfo.endCursor : null),
  });

export const agentQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ['agent', org, id],
    queryFn: async (): Promise<Agent | null> => {
      const query = `query Agent($org: String!, $id: ID!) { org(slug: $org) { agent(id: $id) { ${AGENT_FIELDS} } } }`;
      return (await graphql<{ org: { agent: Agent | null } }>(query, { org, id })).org.agent;
    },
  });

export interface EventFilter {
  readonly agentId?: string | undefined;
  readonly type?: string | undefined;
}

export const eventsQuery = (org: string, filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ['events', org, filter.agentId ?? '', filter.type ?? ''],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam }): Promise<Connection<FleetEvent>> => {
      const query = `query Events($org: String!, $agentId: ID, $type: String, $after: String) { org(slug: $org) {
        events(first: 50, after: $after, agentId: $agentId, type: $type) { edges { node { ${EVENT_FIELDS} } } pageInfo { hasNextPage endCursor } } } }`;
      const variables = { org, agentId: filter.agentId ?? null, type: filter.type ?? null, after: pageParam };
      return (await graphql<{ org: { events: Connection<FleetEvent> } }>(query, variables)).org.events;
    },
    getNextPageParam: (last) => (last.pageInfo.hasNextPage ? last.pageInfo.endCursor : null),
  });

export const FLEET_CHANGED = `subscription Fleet($org: String!) { fleetChanged(org: $org) { reset readModels agents { ${AGENT_FIELDS} } } }`;
