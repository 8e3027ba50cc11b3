import type { EventFilter } from '../api/queries';

/** Where the events are shown that a filter lets through. */
export function eventsPath(org: string, { type, agentId }: EventFilter): string {
  const search = new URLSearchParams({ ...(type ? { type } : {}), ...(agentId ? { agentId } : {}) });
  return `/orgs/${org}/events${search.size > 0 ? `?${search}` : ''}`;
}
