import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { clientRef, network, principalRef, secretRef, sha256, timestamp } from '../names.js';
import { defineEvent, type EventOf } from './define.js';

/** Written by agents. Closed schemas, no free text: names follow a grammar, errors are codes. */

const count = open(
  z
    .int()
    .min(0)
    .max(2 ** 40),
);
const version = open(
  z
    .int()
    .min(1)
    .max(2 ** 31),
);
const path = sensitive(secretRef);
const who = sensitive(principalRef);

export const SECRET_ACTIONS = [
  'create',
  'read',
  'update',
  'delete',
  'list',
  'metadata',
  'rotate',
  'rollback',
  'versions',
  'audit',
  'status',
  'keys',
  'backup',
] as const;
export const secretAction = open(z.enum(SECRET_ACTIONS));

/** What a request was, as far as a policy condition may ask; recorded so that drafts can be replayed against it. */
export const requestClass = {
  secret: path.nullable(),
  action: secretAction,
  principal: who,
  groups: sensitive(z.array(principalRef).max(32)),
  network: sensitive(network).nullable(),
  method: open(z.enum(['api-key', 'jwt', 'certificate', 'local', 'none'])),
  secondFactor: open(z.boolean()),
  client: sensitive(clientRef).nullable(),
};

export const SecretCreated = defineEvent(
  'SecretCreated',
  1,
  z.strictObject({ path, version, principal: who }),
);
export const SecretUpdated = defineEvent(
  'SecretUpdated',
  1,
  z.strictObject({ path, version, principal: who }),
);
export const SecretDeleted = defineEvent(
  'SecretDeleted',
  1,
  z.strictObject({ path, versions: count, principal: who }),
);
export const SecretRotated = defineEvent(
  'SecretRotated',
  1,
  z.strictObject({
    path,
    version,
    principal: who,
    strategy: open(z.enum(['generated', 'script', 'plugin', 'manual'])),
  }),
);
export const SecretRotationFailed = defineEvent(
  'SecretRotationFailed',
  1,
  z.strictObject({
    path,
    attempt: count,
    code: open(z.enum(['strategy-failed', 'timeout', 'verification-failed', 'storage'])),
  }),
);
export const SecretExpiring = defineEvent(
  'SecretExpiring',
  1,
  z.strictObject({ path, version, expiresAt: open(timestamp) }),
);
export const SecretExpired = defineEvent('SecretExpired', 1, z.strictObject({ path, version }));

export const DENIAL_REASONS = [
  'no-credential',
  'unknown-credential',
  'not-allowed',
  'denied-by-policy',
  'sealed',
] as const;
export const AccessDenied = defineEvent(
  'AccessDenied',
  1,
  z.strictObject({ ...requestClass, reason: open(z.enum(DENIAL_REASONS)) }),
);

export const usageRow = z.strictObject({
  ...requestClass,
  outcome: open(z.enum(['allowed', 'denied', 'not-found', 'failed'])),
  policyVersion: open(z.int().min(0)).nullable(),
  count: open(
    z
      .int()
      .min(1)
      .max(2 ** 40),
  ),
});
/** One per agent and active minute, in several parts where it would be too big. */
export const UsageReported = defineEvent(
  'UsageReported',
  1,
  z.strictObject({
    minute: open(timestamp),
    part: open(z.int().min(1)),
    rows: z.array(usageRow).min(1).max(200),
  }),
);

export const PolicyApplied = defineEvent(
  'PolicyApplied',
  1,
  z.strictObject({ version: count, hash: open(sha256) }),
);
export const PolicyRejected = defineEvent(
  'PolicyRejected',
  1,
  z.strictObject({
    version: count,
    hash: open(sha256),
    code: open(z.enum(['signature', 'hash', 'older', 'foreign', 'invalid', 'too-large'])),
  }),
);
/** Somebody with the agent's own machine in hand set its policy aside; what keys are granted still holds. */
export const PolicyBypassed = defineEvent(
  'PolicyBypassed',
  1,
  z.strictObject({
    until: open(timestamp),
    reason: open(z.enum(['locked-out', 'incident', 'maintenance'])),
    version: count,
  }),
);
export const PolicyBypassEnded = defineEvent(
  'PolicyBypassEnded',
  1,
  z.strictObject({ by: open(z.enum(['expired', 'requested'])), requests: count }),
);
export const KeyRotated = defineEvent(
  'KeyRotated',
  1,
  z.strictObject({
    keyVersion: version,
    provider: open(z.enum(['file', 'pkcs11', 'aws-kms', 'gcp-kms', 'azure-keyvault'])),
    rewrapped: count,
  }),
);
export const BackupCompleted = defineEvent(
  'BackupCompleted',
  1,
  z.strictObject({
    bytes: count,
    sha256: open(sha256),
    target: open(z.enum(['local', 'network', 's3', 'azure', 'gcs'])),
  }),
);
export const BackupFailed = defineEvent(
  'BackupFailed',
  1,
  z.strictObject({ code: open(z.enum(['target-unreachable', 'no-space', 'denied', 'internal'])) }),
);
export const HealthChanged = defineEvent(
  'HealthChanged',
  1,
  z.strictObject({ storage: open(z.enum(['ok', 'degraded'])), seal: open(z.enum(['unsealed', 'sealed'])) }),
);
const lease = open(z.string().regex(/^lease_[0-9a-f-]{36}$/));
export const LeaseIssued = defineEvent(
  'LeaseIssued',
  1,
  z.strictObject({ lease, path, principal: who, ttlSeconds: count }),
);
export const LeaseRenewed = defineEvent('LeaseRenewed', 1, z.strictObject({ lease, ttlSeconds: count }));
export const LeaseRevoked = defineEvent(
  'LeaseRevoked',
  1,
  z.strictObject({ lease, code: open(z.enum(['expired', 'requested', 'forced'])) }),
);
/** A name that was about to be sent equals a current value; only its keyed hash is told. */
export const ValueInNameFound = defineEvent(
  'ValueInNameFound',
  1,
  z.strictObject({
    field: open(z.enum(['path', 'principal', 'group', 'client'])),
    match: sensitive(z.string().regex(/^h:[0-9a-f]{64}$/)),
  }),
);

export const VAULT_EVENTS = [
  SecretCreated,
  SecretUpdated,
  SecretDeleted,
  SecretRotated,
  SecretRotationFailed,
  SecretExpiring,
  SecretExpired,
  AccessDenied,
  UsageReported,
  PolicyApplied,
  PolicyRejected,
  PolicyBypassed,
  PolicyBypassEnded,
  KeyRotated,
  BackupCompleted,
  BackupFailed,
  HealthChanged,
  LeaseIssued,
  LeaseRenewed,
  LeaseRevoked,
  ValueInNameFound,
] as const;

export type VaultEvent = EventOf<(typeof VAULT_EVENTS)[number]>;
