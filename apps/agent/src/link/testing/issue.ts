import { GENESIS_HASH } from '@keyfleet/contracts';
import type { AgentIdentity } from '@keyfleet/contracts/http';
import { type CertificateAuthority, issueAgentCertificate, readCertificateRequest } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';

export interface IssueFor {
  readonly authority: CertificateAuthority;
  readonly csr: string;
  readonly orgId?: string;
  readonly agentId?: string;
  readonly now?: number;
  readonly lifeMs?: number;
}

/** An identity as enrolment and renewal give it, with a JWT nobody checks. */
export async function issueIdentity(issue: IssueFor): Promise<AgentIdentity> {
  const { authority, csr, orgId = newId('org'), agentId = newId('agt'), now = Date.now() } = issue;
  const request = await readCertificateRequest(csr);
  const validForMs = issue.lifeMs ?? 3_600_000;
  const issued = await issueAgentCertificate(authority, { orgId, agentId, request, now, validForMs });
  return {
    agentId,
    orgId,
    certificate: issued.certificate,
    jwt: 'a.b.c',
    expiresAt: new Date(issued.expiresAt).toISOString(),
    brokerUrls: ['tls://127.0.0.1:1'],
    trustBundle: [authority.certificate],
    commandKeys: [`U${'A'.repeat(55)}`],
    epoch: 1,
    prev: GENESIS_HASH,
    reconnectWindowMs: 5_000,
  };
}
