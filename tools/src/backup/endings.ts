import { urlOfDatabase } from '@keyfleet/embedded';
import type { EventStore, NewEvent, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { deriveId } from '@keyfleet/platform';
import { closeSql, type Sql } from '@keyfleet/postgres';
import type { BackupHead } from './format.js';
import type { Place } from './place.js';
import { openPool } from './snapshot.js';

/** Facts that took something away: a restore must not give it back where that can be helped. */
const ENDINGS = ['AgentRevoked', 'ApiTokenRevoked', 'UserDisabled', 'MembershipRevoked'] as const;
const CATEGORIES = ['agent', 'apitoken', 'user', 'organisation'] as const;
const PAGE = 1_000;

export interface CarriedOver {
  /** Facts of the old store, written behind what was restored. */
  readonly facts: number;
  /** Keys of revoked agents. */
  readonly revocations: number;
}

/**
 * Where the database that is replaced can still be read and is this installation's, what it took away since the backup
 * stays away. `null` where it cannot be read.
 */
export async function carryOver(
  place: Place,
  head: BackupHead,
  restored: { readonly store: EventStore; readonly database: string },
): Promise<CarriedOver | null> {
  const old = createPostgresEventStore({ url: place.url('store'), name: 'keyfleet-restore' });
  try {
    const facts = await endingsAfter(old, head.position);
    let written = 0;
    for (const fact of facts) if (await again(restored.store, fact)) written += 1;
    return { facts: written, revocations: await copyRevocations(place, restored.database) };
  } catch {
    return null;
  } finally {
    await old.close();
  }
}

async function endingsAfter(store: EventStore, position: string): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for (let after = position; ; ) {
    const page = await store.readAll({
      after,
      limit: PAGE,
      filter: { categories: CATEGORIES, types: ENDINGS },
    });
    found.push(...page.events);
    after = page.upTo;
    if (page.events.length < PAGE) return found;
  }
}

/** The same fact with the same id at the end of its stream; not where the backup knows nothing of whom it speaks. */
async function again(
  store: EventStore,
  { id, stream, type, v, data, metadata }: RecordedEvent,
): Promise<boolean> {
  const known = await store.readStream(stream);
  const last = known.at(-1);
  if (!last || known.some((event) => event.id === id)) return false;
  const result = await store.append(stream, last.revision, [{ id, type, v, data, metadata }]);
  return result.outcome === 'appended';
}

async function copyRevocations(place: Place, database: string): Promise<number> {
  const [from, to] = [
    openPool(place.url('worker'), 'keyfleet-restore'),
    openPool(urlOfDatabase(place.url('worker'), database), 'keyfleet-restore'),
  ];
  try {
    const rows = await from<Record<string, string | null>[]>`
      select nkey, agent_id, revoked_at, jwt_expires_at from registry.revocations`;
    let written = 0;
    for (const row of rows) written += await insertRevocation(to, row);
    return written;
  } finally {
    await Promise.all([closeSql(from), closeSql(to)]);
  }
}

async function insertRevocation(sql: Sql, row: Record<string, string | null>): Promise<number> {
  const { nkey, agent_id, revoked_at, jwt_expires_at } = row;
  const inserted = await sql`
    insert into registry.revocations (nkey, agent_id, revoked_at, jwt_expires_at)
    values (${nkey ?? ''}, ${agent_id ?? null}, ${revoked_at ?? ''}, ${jwt_expires_at ?? ''})
    on conflict (nkey) do nothing returning 1`;
  return inserted.length;
}

export interface LivingToken {
  readonly tokenId: string;
  readonly orgId: string;
  readonly revision: bigint;
}

/** API tokens that are good by what was restored; some of them may have been revoked since. */
export async function livingTokens(store: EventStore, now: number): Promise<LivingToken[]> {
  const living = new Map<string, LivingToken>();
  for (let after: string | undefined; ; ) {
    const page = await store.readAll({ after, limit: PAGE, filter: { categories: ['apitoken'] } });
    for (const { stream, type, data, revision } of page.events) {
      const { tokenId, orgId, expiresAt } = data as {
        tokenId: string;
        orgId: string;
        expiresAt?: string | null;
      };
      if (type === 'ApiTokenIssued' && !(expiresAt && Date.parse(expiresAt) <= now))
        living.set(stream, { tokenId, orgId, revision });
      if (type === 'ApiTokenRevoked') living.delete(stream);
    }
    after = page.upTo;
    if (page.events.length < PAGE) return [...living.values()];
  }
}

export async function revokeTokens(
  store: EventStore,
  tokens: readonly LivingToken[],
  at: string,
): Promise<void> {
  for (const { tokenId, orgId, revision } of tokens) {
    const event: NewEvent = {
      id: deriveId('evt', 'restore', tokenId, String(revision)),
      type: 'ApiTokenRevoked',
      v: 1,
      data: { tokenId, orgId },
      metadata: { orgId, actor: RESTORER, at },
    };
    await store.append(`apitoken-${tokenId}`, revision, [event]);
  }
}

/** Who did it, in the envelope of the facts a restore writes. */
export const RESTORER = 'svc_restore';
