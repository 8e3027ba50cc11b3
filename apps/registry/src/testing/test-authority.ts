import {
  certificatePin,
  createCertificateAuthority,
  issueAgentCertificate,
  loadCertificateAuthority,
  readCertificateRequest,
} from '@keyfleet/crypto';
import { toTimestamp } from '@keyfleet/kernel';
import { agentUserJwt, generateBrokerSeeds, publicKeyOf, readAgentJwt } from '@keyfleet/messaging';
import type { TestClock } from '@keyfleet/testing';
import { createUser } from '@nats-io/nkeys';
import type { AgentAuthority } from '../enrolment/agent-authority.js';

export interface TestAuthority extends AgentAuthority {
  readonly pin: string;
  readonly revoked: { readonly agentId: string; readonly nkey: string; readonly jwtExpiresAt: string }[];
}

/** Issues real certificates from a CA of its own; the broker's part is written down instead of done. */
export async function createTestAuthority(clock: TestClock): Promise<TestAuthority> {
  const now = clock.now();
  const pair = await createCertificateAuthority({
    now,
    validForMs: 365 * 86_400_000,
    commonName: 'Test CA',
  });
  const ca = await loadCertificateAuthority(pair);
  const pin = certificatePin(pair.certificate);
  const commandKey = createUser().getPublicKey();
  const seeds = generateBrokerSeeds();
  const account = publicKeyOf(seeds.account);
  const revoked: TestAuthority['revoked'] = [];
  return {
    pin,
    revoked,
    pins: async () => [pin],
    agentOf: (jwt) => readAgentJwt(jwt, { account, signers: [publicKeyOf(seeds.agents)] }),
    issueAgentIdentity: async ({ orgId, agentId, csr, nkey }) => {
      const issued = await issueAgentCertificate(ca, {
        now: clock.now(),
        validForMs: 86_400_000,
        orgId,
        agentId,
        request: await readCertificateRequest(csr, agentId),
      });
      return {
        certificate: issued.certificate,
        serial: issued.serial,
        expiresAt: toTimestamp(issued.expiresAt),
        jwt: await agentUserJwt(
          { account, agentsSeed: seeds.agents },
          { orgId, agentId, nkey, certificateKeyId: issued.keyId, expiresAt: issued.expiresAt },
        ),
        brokerUrls: ['tls://127.0.0.1:4222'],
        trustBundle: [pair.certificate],
        commandKeys: [commandKey],
      };
    },
    revoke: async (agentId, nkey, jwtExpiresAt) => {
      revoked.push({ agentId, nkey, jwtExpiresAt });
    },
  };
}
