import type { DENIAL_REASONS } from '@keyfleet/contracts/events';
import { type ErrorCode, isKeyfleetError, kindOf } from '@keyfleet/kernel';
import { isPolicyDenial } from '../vault/denial.js';
import type { Operation } from './classes.js';
import type { Outcome } from './entry.js';

export type DenialReason = (typeof DENIAL_REASONS)[number];

/** What came of an operation. */
export interface Result {
  readonly outcome: Outcome;
  readonly code: ErrorCode | null;
  readonly version: number | null;
  readonly reason?: DenialReason;
  readonly policyVersion?: number;
}

/** Of an operation that ended with an error. */
export function resultOf({ caller }: Operation, error: unknown): Result {
  const code = isKeyfleetError(error) ? error.code : 'internal.error';
  const version = null;
  if (code === 'auth.required') {
    const reason = caller.credential === 'missing' ? 'no-credential' : 'unknown-credential';
    return { outcome: 'denied', code, version, reason };
  }
  if (isPolicyDenial(error)) {
    const { policyVersion } = error;
    return { outcome: 'denied', code, version, reason: 'denied-by-policy', policyVersion };
  }
  if (code === 'auth.forbidden') return { outcome: 'denied', code, version, reason: 'not-allowed' };
  return { outcome: kindOf(code) === 'not-found' ? 'not-found' : 'failed', code, version };
}
