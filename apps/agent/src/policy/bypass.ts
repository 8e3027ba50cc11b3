import { PolicyBypassEnded, PolicyBypassed } from '@keyfleet/contracts/events';
import { toTimestamp } from '@keyfleet/kernel';
import { prepareEvent } from '../audit/prepare.js';
import type { PolicyChange } from './memory.js';
import { type Bypass, MAX_BYPASS_MS, type PolicyState } from './state.js';

export interface BypassRequest {
  readonly now: number;
  readonly forMs: number;
  readonly reason: Bypass['reason'];
  /** The newest audit line. */
  readonly auditSeq: number;
}

/** Sets the policy aside; one that is set aside already is so until the new time. Throws RangeError for longer than a day. */
export function beginBypass(state: PolicyState, request: BypassRequest): PolicyChange {
  const { now, forMs, reason, auditSeq } = request;
  if (!(forMs > 0 && forMs <= MAX_BYPASS_MS)) throw new RangeError('a bypass lasts up to a day');
  const ended = state.bypass ? endBypass(state, { now, auditSeq, by: 'requested' }).events : [];
  const since = toTimestamp(now);
  const until = toTimestamp(now + forMs);
  const told = prepareEvent(PolicyBypassed, { until, reason, version: state.version }, since);
  return { state: { ...state, bypass: { since, until, reason, auditSeq } }, events: [...ended, told] };
}

export interface BypassEnd {
  readonly now: number;
  /** The newest audit line. */
  readonly auditSeq: number;
  readonly by: 'expired' | 'requested';
}

/** The policy decides again. Nothing changes where it was not set aside. */
export function endBypass(state: PolicyState, { now, auditSeq, by }: BypassEnd): PolicyChange {
  if (!state.bypass) return { state, events: [] };
  const requests = Math.max(auditSeq - state.bypass.auditSeq, 0);
  const told = prepareEvent(PolicyBypassEnded, { by, requests }, toTimestamp(now));
  return { state: { ...state, bypass: null }, events: [told] };
}
