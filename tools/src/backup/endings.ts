import { urlOfDatabase } from '@keyfleet/embedded';
import type { EventStore, NewEvent, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { deriveId } from '@keyfleet/platform';
import { closeSql } from '@keyfleet/postgres';
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
 * Where the database that is replaced can still be read, what it took away stays away: each such fact that the restored
 * one does not hold, wherever it stands. The old one may have branched off from another restore, so that its positions
 * say nothing about what the backup knows. `null` where it could not be read, or only in part.
 */
export async function carryOver(
  place: Place,
  restored: { readonly store: EventStore; readonly database: string },
): Promise<CarriedOver | null> {
  const held = new Set<string>();
  for await (const { id } of endingsOf(restored.store)) held.add(id);
  const [facts, revoked] = [await endingsBeside(place, held), await revocationsOf(place)];
  let written = 0;
  for (const fact of facts ?? []) if (await again(restored.store, fact)) written += 1;
  const revocations = await insertRevocations(urlOfDatabase(place.url('worker'), restored.database), revoked);
  return facts && revoked ? { facts: written, revocations } : null;
}

/** Endings the old store holds and nobody else; undefined where it cannot be read. */
async function endingsBeside(place: Place, held: ReadonlySet<string>): Promise<RecordedEvent[] | undefined> {
  const old = createPostgresEventStore({ url: place.url('store'), name: 'keyfleet-restore' });
  const found: RecordedEvent[] = [];
  try {
    for await (const event of endingsOf(old)) if (!held.has(event.id)) found.push(event);
    return found;
  } catch {
    return undefined;
  } finally {
    await old.close();
  }
}

async function* endingsOf(store: EventStore): AsyncGenerator<RecordedEvent> {
  const filter = { categories: CATEGORIES, types: ENDINGS };
  for (let after: string | undefined; ; ) {
    const page = await store.readAll({ after, limit: PAGE, filter });
    yield* page.events;
    after = page.upTo;
    if (page.events.length < PAGE) return;
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

type Revocation = Readonly<Record<'nkey' | 'agent_id' | 'revoked_at' | 'jwt_expires_at', string | null>>;

/** Undefined where the table cannot be read. */
async function revocationsOf(place: Place): Promise<readonly Revocation[] | undefined> {
  const from = openPool(place.url('worker'), 'keyfleet-restore');
  try {
    return await from<Revocation[]>`
      select nkey, agent_id, revoked_at, jwt_expires_at from registry.revocations`;
  } catch {
    return undefined;
  } finally {
    await closeSql(from);
  }
}

/** How many are new, or last longer than those that were restored. */
async function insertRevocations(url: string, rows: readonly Revocation[] = []): Promise<number> {
  const to = openPool(url, 'keyfleet-restore');
  let written = 0;
  try {
    for (const { nkey, agent_id, revoked_at, jwt_expires_at } of rows) {
      const changed = await to`
        insert into registry.revocations (nkey, agent_id, revoked_at, jwt_expires_at)
        values (${nkey}, ${agent_id}, ${revoked_at}, ${jwt_expires_at})
        on conflict (nkey) do update set jwt_expires_at = excluded.jwt_expires_at
        where revocations.jwt_expires_at < excluded.jwt_expires_at
        returning 1`;
      written += changed.length;
    }
    return written;
  } finally {
    await closeSql(to);
  }
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
