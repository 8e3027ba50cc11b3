import { z } from 'zod';
import { secret } from '../classification.js';
import { principal, secretPath, sha256, timestamp } from '../names.js';

/** Local API of an agent. Values travel as base64 so that any bytes fit; at most 1 MiB. */
export const MAX_SECRET_BYTES = 1024 * 1024;

export const putSecretRequest = z.strictObject({
  /** Base64 (standard alphabet) of the value. */
  value: secret(z.base64().max(Math.ceil(MAX_SECRET_BYTES / 3) * 4)),
  tags: z
    .record(z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/), z.string().regex(/^[A-Za-z0-9._-]{1,63}$/))
    .optional(),
  /** The version the caller believes is current; 0 to insist on a new secret. Like `If-Match`. */
  expectedVersion: z.int().min(0).optional(),
});

export const secretMetadata = z.object({
  path: secretPath,
  version: z.int(),
  createdAt: timestamp,
  updatedAt: timestamp,
  size: z.int(),
  tags: z.record(z.string(), z.string()),
});
export type SecretMetadata = z.infer<typeof secretMetadata>;

export const secretVersionMetadata = z.object({
  version: z.int(),
  createdAt: timestamp,
  createdBy: z.string(),
  size: z.int(),
  state: z.enum(['current', 'superseded']),
});
export const secretValue = z.object({ path: secretPath, version: z.int(), value: secret(z.base64()) });

export const agentStatus = z.object({
  name: z.string(),
  version: z.string(),
  agentId: z.string().nullable(),
  orgId: z.string().nullable(),
  link: z.object({
    state: z.enum(['unenrolled', 'connecting', 'connected', 'offline', 'revoked']),
    since: timestamp,
    lastAcknowledgedAt: timestamp.nullable(),
    certificateExpiresAt: timestamp.nullable(),
  }),
  journal: z.object({ epoch: z.int(), seq: z.int(), acknowledged: z.int() }),
  storage: z.enum(['ok', 'degraded']),
  seal: z.enum(['unsealed', 'sealed']),
  /** The policy it decides by; null where there is none and none is set aside. */
  policy: z
    .object({
      /** 0 where only a bypass is to be told. */
      version: z.int(),
      hash: sha256.nullable(),
      /** False where its files cannot be vouched for: everything is denied until it is fetched anew. */
      verified: z.boolean(),
      /** Set aside on the agent's own machine until then. */
      bypassedUntil: timestamp.nullable(),
    })
    .nullable(),
  secrets: z.int(),
});
export type AgentStatus = z.infer<typeof agentStatus>;

/** One line of the agent's API key file: who the key speaks for. The key itself is kept as a hash. */
export const apiKeyRecord = z.strictObject({
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  principal,
  groups: z.array(principal).max(32),
  /** Path prefixes with the actions allowed below them; until policies decide. */
  grants: z
    .array(z.strictObject({ prefix: z.string().max(256), actions: z.array(z.string()).min(1) }))
    .max(64),
  expiresAt: timestamp.nullable(),
});
