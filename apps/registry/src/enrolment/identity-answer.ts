import type { AgentIdentity } from '@keyfleet/contracts/http';
import { KeyfleetError } from '@keyfleet/kernel';
import type { Agent } from '@keyfleet/registry/domain';
import type { AgentCredentials } from './agent-authority.js';

export interface IdentityParts {
  /** How widely agents spread their reconnects, for the number of agents there are. */
  readonly reconnectWindowMs: () => number | Promise<number>;
}

/** Everything an agent needs to connect, from what it is and what it was just given. */
export async function identityOf(
  parts: IdentityParts,
  given: { readonly orgId: string; readonly state: Agent; readonly issued: AgentCredentials },
): Promise<AgentIdentity> {
  const { orgId, state, issued } = given;
  if (state.status !== 'enrolled') throw new KeyfleetError('internal.error');
  return {
    agentId: state.agentId,
    orgId,
    certificate: issued.certificate,
    jwt: issued.jwt,
    expiresAt: issued.expiresAt,
    brokerUrls: [...issued.brokerUrls],
    trustBundle: [...issued.trustBundle],
    commandKeys: [...issued.commandKeys],
    epoch: state.journal.epoch,
    prev: state.journal.prev,
    reconnectWindowMs: await parts.reconnectWindowMs(),
  };
}
