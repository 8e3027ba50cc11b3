import { isId } from '@keyfleet/kernel';

/** Subjects of DESIGN §4. Ids are checked by their grammar, so none can carry a wildcard or a dot. */

export const RPC_VERBS = ['sync', 'policy', 'renew'] as const;
export type RpcVerb = (typeof RPC_VERBS)[number];

export interface AgentAddress {
  readonly orgId: string;
  readonly agentId: string;
}

export type AgentSubjectKind = 'hb' | 'ev' | 'cmd' | `rpc.${RpcVerb}`;

export function agentSubject(address: AgentAddress, kind: AgentSubjectKind): string {
  if (!isId('org', address.orgId) || !isId('agt', address.agentId))
    throw new TypeError('not an agent address');
  return `kf.v1.${address.orgId}.${address.agentId}.${kind}`;
}

/** What a responder subscribes to: one kind, all agents. */
export function allAgents(kind: AgentSubjectKind): string {
  return `kf.v1.*.*.${kind}`;
}

/** Who a subject speaks of; `null` where it is not a well-formed agent subject. */
export function parseAgentSubject(subject: string): (AgentAddress & { kind: AgentSubjectKind }) | null {
  const [kf, version, orgId, agentId, ...rest] = subject.split('.');
  const kind = rest.join('.');
  if (kf !== 'kf' || version !== 'v1' || !isId('org', orgId) || !isId('agt', agentId)) return null;
  const known =
    kind === 'hb' || kind === 'ev' || kind === 'cmd' || RPC_VERBS.some((verb) => kind === `rpc.${verb}`);
  return known ? { orgId, agentId, kind: kind as AgentSubjectKind } : null;
}

export function agentInbox(agentId: string): string {
  return `_INBOX.${agentId}`;
}

export function serviceInbox(service: string): string {
  return `_INBOX.svc.${service}`;
}
