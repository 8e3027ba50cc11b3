import { createClient } from 'graphql-ws';
import type { Client } from './client.js';

export interface FleetChange {
  readonly reset: boolean;
  readonly agents: readonly { readonly id: string; readonly labels: Readonly<Record<string, string>> }[];
}

export interface FleetFollower {
  readonly changes: readonly FleetChange[];
  close(): Promise<void>;
}

/** What the gateway of this client says of an organisation, live, over graphql-ws. */
export function followFleet(client: Client, org: string): FleetFollower {
  const changes: FleetChange[] = [];
  class WithSession extends WebSocket {
    constructor(url: string, protocols: string) {
      // Of all the places that know this class, only Node lets it carry headers.
      super(url, { protocols, headers: { cookie: client.cookie } } as unknown as string[]);
    }
  }
  const socket = createClient({
    url: `${client.url.replace('http', 'ws')}/api/graphql`,
    webSocketImpl: WithSession,
    lazy: false,
  });
  const query = 'subscription($org: String!) { fleetChanged(org: $org) { reset agents { id labels } } }';
  socket.subscribe<{ fleetChanged: FleetChange }>(
    { query, variables: { org } },
    {
      next: ({ data }) => void (data && changes.push(data.fleetChanged)),
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return { changes, close: async () => socket.dispose() };
}
