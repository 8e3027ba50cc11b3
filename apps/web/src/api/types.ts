/** Shapes the dashboard asks for; a subset of the API's, which the GraphQL answers are checked against in the browser test. */
export type AgentState = 'online' | 'offline' | 'unknown' | 'revoked';

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly state: AgentState;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lastSeenAt: string | null;
  readonly enrolledAt: string;
  readonly secrets: number | null;
  readonly storage: 'ok' | 'degraded' | null;
  readonly seal: 'unsealed' | 'sealed' | null;
  readonly journal: { readonly epoch: number; readonly seq: number };
  readonly lastEvent: { readonly type: string; readonly at: string } | null;
  readonly certificateExpiresAt: string | null;
}

export interface FleetEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly recordedAt: string;
  readonly actor: string;
  readonly stream: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

export interface AgentCounts {
  readonly online: number;
  readonly offline: number;
  readonly unknown: number;
  readonly revoked: number;
}

export interface Org {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}

export interface Session {
  readonly user: { readonly id: string; readonly email: string | null; readonly name: string | null };
  readonly orgs: readonly Org[];
}
