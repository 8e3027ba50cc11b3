import { v7 } from 'uuid';
import type { Appended, AppendResult, EventStore, NewEvent, Position, RecordedEvent } from '../port.js';

/** What a driver brings to its suite: a store of its own, empty, for each test. */
export interface EventStoreFixture {
  readonly store: EventStore;
  /** Another client of the same data, as a second process would be. */
  another(): Promise<EventStore>;
  /** Lets time pass between two appends, where the clock would stand still. */
  tick(): void;
  /** Breaks writes off at random moments until stopped; left out by drivers that have nothing to break. */
  disturb?(): () => Promise<void>;
  close(): Promise<void>;
}

export type OpenFixture = () => Promise<EventStoreFixture>;

export const ORG_A = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
export const ORG_B = 'org_01932b1e-7c3a-7abc-8def-00000000000b';
const ACTOR = 'svc_01932b1e-7c3a-7abc-8def-0123456789ab';

export function event(type = 'SecretRotated', change: Partial<NewEvent> = {}): NewEvent {
  return {
    id: `evt_${v7()}`,
    type,
    v: 1,
    data: { path: 'kv/prod/db', version: 3 },
    metadata: { orgId: ORG_A, actor: ACTOR, at: '2026-01-01T00:00:00.000Z' },
    ...change,
  };
}

export function eventOf(orgId: string | null, type = 'SecretRotated'): NewEvent {
  return event(type, { metadata: { orgId, actor: ACTOR, at: '2026-01-01T00:00:00.000Z' } });
}

export function events(count: number, type?: string): NewEvent[] {
  return Array.from({ length: count }, () => event(type));
}

/** Narrows to the success, and fails the test otherwise. */
export function appended(result: AppendResult): Appended {
  expect(result).toMatchObject({ outcome: 'appended' });
  return result as Appended;
}

export async function everything(store: Pick<EventStore, 'readAll'>): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  let after: Position | undefined;
  for (;;) {
    const page = await store.readAll({ after, limit: 500 });
    found.push(...page.events);
    if (page.events.length < 500) return found;
    after = page.upTo;
  }
}

export const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
