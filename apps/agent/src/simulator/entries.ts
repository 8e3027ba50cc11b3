import type { VaultEvent } from '@keyfleet/contracts/events';
import type { NewEntry } from './memory-journal.js';
import { seededUuids } from './random.js';

type Body = Pick<VaultEvent, 'type' | 'data'>;

const APPS = ['billing', 'shop', 'search', 'ci', 'ledger', 'mail', 'stock', 'web'];
const NAMES = ['db-password', 'api-key', 'tls-key', 'token', 'smtp', 'signing-key', 'webhook', 'cache'];
const CLIENTS = ['curl/8.5.0', 'keyfleet-node/1.2.0', 'keyfleet-go/1.2.0', 'terraform/1.9'];
const MINUTE_MS = 60_000;

/** What happens at a busy agent, as often as it does: mostly use, some changes, now and then a refusal. */
const MIX: readonly { readonly share: number; readonly make: (some: Some) => Body }[] = [
  { share: 0.35, make: usage },
  { share: 0.25, make: (some) => ({ type: 'SecretUpdated', data: change(some) }) },
  { share: 0.1, make: (some) => ({ type: 'SecretCreated', data: change(some) }) },
  { share: 0.1, make: leased },
  { share: 0.08, make: rotated },
  { share: 0.06, make: denied },
  { share: 0.04, make: (some) => ({ type: 'LeaseRevoked', data: { lease: some.lease(), code: 'expired' } }) },
  { share: 0.01, make: failed },
  { share: 0.01, make: () => ({ type: 'HealthChanged', data: { storage: 'ok', seal: 'unsealed' } }) },
];

type RequestClass = ReturnType<typeof requestClass>;

/** What becomes of a request, and under which policy. */
export type DecideRequest = (
  request: RequestClass,
  at: string,
) => { readonly outcome: 'allowed' | 'denied'; readonly policyVersion: number | null };

/** Draws of one agent. */
interface Some {
  readonly at: string;
  readonly decide: DecideRequest;
  of<T>(items: readonly T[]): T;
  upTo(count: number): number;
  lease(): string;
}

/** What one agent has to tell, one after the other; the same seed tells the same. */
export function entrySource(
  random: () => number,
  decide: DecideRequest = () => ({ outcome: 'allowed', policyVersion: null }),
): (at: string) => NewEntry {
  const uuid = seededUuids(random);
  const some = {
    at: '',
    decide,
    of: <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T,
    upTo: (count: number) => 1 + Math.floor(random() * count),
    lease: () => `lease_${uuid()}`,
  };
  return (at) => {
    some.at = at;
    const { type, data } = drawn(random()).make(some);
    return { id: `evt_${uuid()}`, type, v: 1, at, data };
  };
}

function drawn(at: number) {
  let sum = 0;
  for (const kind of MIX) {
    sum += kind.share;
    if (at < sum) return kind;
  }
  return MIX[0] as (typeof MIX)[number];
}

const path = (some: Some) => `${some.of(APPS)}/prod/${some.of(NAMES)}`;
const principal = (some: Some) => `app:${some.of(APPS)}`;
const change = (some: Some) => ({ path: path(some), version: some.upTo(40), principal: principal(some) });

function requestClass(some: Some) {
  return {
    ...{ secret: path(some), action: 'read' as const, principal: principal(some), groups: [] },
    ...{ network: `10.${some.upTo(200)}.${some.upTo(200)}.0/24`, method: 'api-key' as const },
    ...{ secondFactor: false, client: some.of(CLIENTS) },
  };
}

function usage(some: Some): Body {
  const minute = new Date(Math.floor(Date.parse(some.at) / MINUTE_MS) * MINUTE_MS).toISOString();
  const rows = Array.from({ length: some.upTo(3) }, () => {
    const request = requestClass(some);
    return { ...request, ...some.decide(request, some.at), count: some.upTo(500) };
  });
  return { type: 'UsageReported', data: { minute, part: 1, rows } };
}

function leased(some: Some): Body {
  const data = { lease: some.lease(), path: path(some), principal: principal(some), ttlSeconds: 3_600 };
  return { type: 'LeaseIssued', data };
}

function rotated(some: Some): Body {
  return { type: 'SecretRotated', data: { ...change(some), strategy: 'generated' } };
}

function denied(some: Some): Body {
  return { type: 'AccessDenied', data: { ...requestClass(some), reason: 'not-allowed' } };
}

function failed(some: Some): Body {
  return {
    type: 'SecretRotationFailed',
    data: { path: path(some), attempt: some.upTo(5), code: 'timeout' },
  };
}
