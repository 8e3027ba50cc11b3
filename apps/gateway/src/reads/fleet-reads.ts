import type {
  AgentState,
  AgentView,
  EnrolmentTokenView,
  EventView,
  GroupView,
} from '@keyfleet/contracts/http';

export interface ListArgs {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface EventArgs extends ListArgs {
  readonly type?: string | undefined;
  readonly agentId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface ApiTokenView {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

/** Every question the gateway answers from read models; each is scoped to one organisation and read-only. */
export interface FleetReads {
  agents(orgId: string, args: ListArgs): Promise<Page<AgentView>>;
  agentsAsOf(orgId: string, args: ListArgs & { readonly asOf: string }): Promise<Page<AgentView>>;
  agent(
    orgId: string,
    agentId: string,
  ): Promise<{ readonly view: AgentView; readonly revision: string } | null>;
  /** Those of the ids that exist in this organisation; at most 200 ids. */
  agentsById(orgId: string, ids: readonly string[]): Promise<readonly AgentView[]>;
  agentCounts(orgId: string): Promise<Readonly<Record<AgentState, number>>>;
  groups(orgId: string, args: ListArgs): Promise<Page<GroupView>>;
  enrolmentTokens(orgId: string, args: ListArgs): Promise<Page<EnrolmentTokenView>>;
  apiTokens(orgId: string, args: ListArgs): Promise<Page<ApiTokenView>>;
  events(orgId: string, args: EventArgs): Promise<Page<EventView>>;
  /** Waits at most `ceilingMs` for these projections to reach a position; false where they did not. */
  reached(readModels: readonly string[], position: string, ceilingMs: number): Promise<boolean>;
}

export const FLEET_READS = Symbol('FleetReads');
