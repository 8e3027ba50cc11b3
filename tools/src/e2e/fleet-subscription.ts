import { createClient } from 'graphql-ws';
import type { Client } from './client.js';

export interface FleetChange {
  readonly reset: boolean;
  readonly agents: readonly { readonly id: string; readonly labels: Readonly<Record<string, string>> }[];
}

export interface FleetFollower {
  readonly changes: readonly FleetChange[];
  /** What it was refused with. */
  readonly errors: readonly { readonly message: string; readonly extensions?: object }[];
  close(): Promise<void>;
}

/** What the gateway of this client says of an organisation, live, over graphql-ws. */
export function followFleet(client: Client, org: string): FleetFollower {
  const changes: FleetChange[] = [];
  const errors: { message: string; extensions?: object }[] = [];
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
      next: (result) => {
        if (result.errors) errors.push(...(result.errors as typeof errors));
        else if (result.data) changes.push(result.data.fleetChanged);
      },
      error: (refused) => void errors.push(...(refused as typeof errors)),
      complete: () => undefined,
    },
  );
  return { changes, errors, close: async () => socket.dispose() };
}
