import { createHash } from 'node:crypto';
import type { EventOf, UsageReported } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';

export type UsageFact = RecordedEvent & EventOf<typeof UsageReported>;
type UsageRow = UsageFact['data']['rows'][number];

/** What a request was, without what became of it. */
export type RequestedClass = Omit<UsageRow, 'outcome' | 'policyVersion' | 'count'>;

/** So long request classes are kept, in days. */
export const KEPT_DAYS = 90;
const DAY_MS = 86_400_000;
const QUARTER_MS = 15 * 60_000;

/** Requests of one class within one quarter of an hour at one agent. */
export interface Usage {
  readonly orgId: string;
  readonly agentId: string;
  readonly day: string;
  readonly quarter: number;
  readonly hash: string;
  readonly requested: RequestedClass;
  readonly allowed: number;
  readonly denied: number;
}

/**
 * What a report counts. Requests without a known credential are refused before any policy is asked; those older than
 * anything kept are left out; an agent whose clock is ahead of ours did not answer later than we heard of it.
 */
export function* usagesOf({ stream, data, metadata, recordedAt }: UsageFact): Generator<Usage> {
  const recorded = Date.parse(recordedAt);
  const at = Math.min(Date.parse(data.minute), recorded);
  if (at < recorded - KEPT_DAYS * DAY_MS) return;
  const day = dayOf(at);
  const place = {
    orgId: metadata.orgId as string,
    agentId: stream.slice('journal-'.length, stream.lastIndexOf('.')),
    day,
    quarter: Math.floor((at - Date.parse(day)) / QUARTER_MS),
  };
  for (const { outcome, policyVersion: _, count, ...requested } of data.rows) {
    if (requested.method === 'none') continue;
    const denied = outcome === 'denied' ? count : 0;
    yield { ...place, hash: hashOf(requested), requested, allowed: count - denied, denied };
  }
}

/** `2026-01-31`, UTC. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The first day that is kept when something is recorded at this moment. */
export function firstDayKept(recordedAt: string): string {
  return dayOf(Date.parse(recordedAt) - KEPT_DAYS * DAY_MS);
}

/** Milliseconds since 1970 at which a quarter of an hour begins. */
export function beginOf(day: string, quarter: number): number {
  return Date.parse(day) + quarter * QUARTER_MS;
}

/** Half of a SHA-256: enough to tell classes apart, and short in an index. */
function hashOf(requested: RequestedClass): string {
  const { secret, action, principal, groups, network, method, secondFactor, client } = requested;
  const parts = [secret, action, principal, groups, network, method, secondFactor, client];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
