import { z } from 'zod';
import { secret } from '../classification.js';
import { epoch, nkeySignature } from '../journal.js';
import { agentName, id, labels, nkeyPublic, semver, sha256, timestamp } from '../names.js';

/** `kfe_<pin>_<secret>`: pin is the SHA-256 (hex) of the gateway's CA in DER, the secret is 256 bits in base64url. */
export const ENROLMENT_TOKEN = /^kfe_[0-9a-f]{64}_[A-Za-z0-9_-]{43}$/;
export const enrolmentToken = secret(
  z.string().regex(ENROLMENT_TOKEN, 'must be a token as the dashboard shows it'),
);

const csr = z
  .string()
  .max(8_192)
  .regex(/^-----BEGIN CERTIFICATE REQUEST-----\r?\n/, 'must be a PEM certificate request');

/** POST /api/v1/enrol. Sent again with the same token and nkey, it answers with the same agent. */
export const enrolRequest = z
  .strictObject({
    token: enrolmentToken,
    name: agentName,
    labels: labels.optional(),
    csr,
    nkey: nkeyPublic,
    agentVersion: semver,
  })
  .meta({ id: 'EnrolRequest' });
export type EnrolRequest = z.infer<typeof enrolRequest>;

/** POST /api/v1/renew, and without `at`, `nonce`, `signature` as `rpc.renew`. */
export const renewRequest = z
  .strictObject({
    agentId: id('agt'),
    csr,
    nkey: nkeyPublic,
    at: timestamp,
    nonce: z.string().regex(/^[A-Za-z0-9_-]{22,64}$/),
    signature: nkeySignature,
    /**
     * For a control plane that was restored from before this agent was enrolled: the JWT it was given last, which may
     * have ended, and what is to be written down of it again.
     */
    enrolment: z
      .strictObject({ jwt: z.string().min(1).max(4_096), name: agentName, agentVersion: semver })
      .optional(),
  })
  .meta({ id: 'RenewRequest' });
export type RenewRequest = z.infer<typeof renewRequest>;

export const rpcRenewRequest = z.strictObject({ v: z.literal(1), agentId: id('agt'), csr });

/** What makes an agent able to connect: everything it lives on until the next renewal. */
export const agentIdentity = z
  .strictObject({
    agentId: id('agt'),
    orgId: id('org'),
    /** PEM, TLS client certificate. */
    certificate: z.string(),
    /** NATS user JWT; ends with the certificate. */
    jwt: z.string(),
    expiresAt: timestamp,
    brokerUrls: z.array(z.string()).min(1),
    /** PEM certificates to believe; at most two while a CA is rotated. */
    trustBundle: z.array(z.string()).min(1).max(2),
    /** Public NKeys whose commands the agent executes; at most two while one is rotated. */
    commandKeys: z.array(nkeyPublic).min(1).max(2),
    /** The epoch to write and the `prev` of its first entry. */
    epoch,
    prev: sha256,
    reconnectWindowMs: z.int().min(0),
  })
  .meta({ id: 'AgentIdentity' });
export type AgentIdentity = z.infer<typeof agentIdentity>;

export const rpcRenewReply = z.union([
  agentIdentity,
  z.strictObject({ retryAfterMs: z.int().min(1) }),
  z.strictObject({
    code: z.enum([
      'agent.unknown',
      'agent.revoked',
      'enrolment.csr-invalid',
      'request.invalid',
      'store.unavailable',
    ]),
  }),
]);
