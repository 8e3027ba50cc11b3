import { randomBytes } from 'node:crypto';
import { newId } from '@keyfleet/platform';
import { apiKeyFor, newApiKey } from '../access/api-key.js';
import type { AuditLine } from '../audit/entry.js';
import type { SecretChange, StoredKey, StoredVersion, UsageCount } from './port.js';

/** Builders for the storage suite: every field is set, and to something that tells it from the others. */
export const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();

export function key(version: number, over: Partial<StoredKey> = {}): StoredKey {
  return {
    id: `key-${version}`,
    purpose: 'data',
    version,
    wrapped: randomBytes(48),
    masterKeyId: 'master-1',
    state: 'active',
    createdAt: at(version),
    encryptions: 0,
    ...over,
  };
}

export function version(path: string, over: Partial<StoredVersion> = {}): StoredVersion {
  return {
    path,
    secretId: `sec_of_${path}`,
    version: 1,
    keyId: 'key-1',
    envelope: randomBytes(120),
    size: 22,
    createdAt: at(10),
    createdBy: 'app:billing',
    ...over,
  };
}

export function put(
  path: string,
  over: Partial<StoredVersion> = {},
  tags?: Record<string, string>,
): SecretChange {
  const made = version(path, over);
  return { kind: 'put', expected: made.version - 1, version: made, ...(tags ? { tags } : {}) };
}

export function line(over: Partial<AuditLine> = {}): AuditLine {
  return {
    at: at(20),
    action: 'read',
    path: 'team/app',
    version: 3,
    principal: 'app:billing',
    method: 'api-key',
    address: '10.1.2.3',
    client: 'curl/8.1',
    outcome: 'allowed',
    code: null,
    traceId: 'ab'.repeat(16),
    ...over,
  };
}

export function usage(over: Partial<UsageCount['of']> = {}, count = 1, minute = at(0)): UsageCount {
  return {
    minute,
    count,
    of: {
      secret: 'team/app',
      action: 'read',
      principal: 'app:billing',
      groups: ['payments'],
      network: '10.1.2.0/24',
      method: 'api-key',
      secondFactor: false,
      client: 'curl/8.1',
      outcome: 'allowed',
      policyVersion: null,
      ...over,
    },
  };
}

export function apiKey(principal: string) {
  const grants = [{ prefix: 'team', actions: ['read'] }];
  return apiKeyFor(newApiKey(), { principal, groups: ['payments'], grants, expiresAt: null }, at(0));
}

export function event(n: number) {
  const data = { path: 'team/app', version: n, principal: 'app:billing' };
  return { id: newId('evt'), type: 'SecretUpdated', v: 1, at: at(n), data };
}
