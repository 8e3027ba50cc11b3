import { createHash, randomBytes } from 'node:crypto';
import { apiKeyRecord } from '@keyfleet/contracts/http';
import type { z } from 'zod';

/** Who a key speaks for. The key itself is nowhere but with its holder. */
export interface ApiKey extends z.infer<typeof apiKeyRecord> {
  /** The first 12 digits of the hash: enough to name a key, nothing to use. */
  readonly id: string;
  readonly createdAt: string;
}

const FORM = /^kfa_[A-Za-z0-9_-]{43}$/;

/** 256 random bits, so one plain hash is enough to keep it by. */
export function newApiKey(): string {
  return `kfa_${randomBytes(32).toString('base64url')}`;
}

export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

export function isApiKey(text: string): boolean {
  return FORM.test(text);
}

/** The record to store for a key. Throws a ZodError for principals, groups or grants outside their grammar. */
export function apiKeyFor(
  key: string,
  holder: Omit<z.input<typeof apiKeyRecord>, 'hash'>,
  createdAt: string,
): ApiKey {
  const record = apiKeyRecord.parse({ ...holder, hash: hashApiKey(key) });
  return { ...record, id: record.hash.slice(0, 12), createdAt };
}
