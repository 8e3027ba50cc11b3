import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { closeSql } from '@keyfleet/postgres';
import { type CarriedOver, carryOver, livingTokens, revokeTokens } from './endings.js';
import type { BackupHead } from './format.js';
import type { Place } from './place.js';
import { rebuildFirst } from './rebuild.js';
import { recordRestore } from './record.js';
import { openPool } from './snapshot.js';

/** Positions of the time before a restore are never given out again: what holds one goes on behind all of them. */
const ERA = 10n ** 12n;

/** What is replaced, as far as it can be told: a damaged one passes for ours and tells nothing. */
export type OldDatabase = 'none' | 'ours' | 'foreign';

/** What was settled before anybody could ask. */
export interface Settled {
  /** `null`: what was replaced could not be read or was not ours, so what was taken away since is not known here. */
  readonly carriedOver: CarriedOver | null;
  /** API tokens that are good now. */
  readonly livingTokens: number;
  readonly revokedTokens: number;
  /** Streams a read model cannot understand. */
  readonly parkedStreams: number;
}

export interface SettleOptions {
  readonly place: Place;
  readonly clock: Clock;
  readonly revokeApiTokens?: boolean;
  readonly onStep?: (text: string) => void;
}

/** What must not come back with the past, and the fact that it came back. */
export async function settle(
  options: SettleOptions,
  head: BackupHead,
  { beside, old }: { readonly beside: Place; readonly old: OldDatabase },
): Promise<Settled> {
  const { place, clock, revokeApiTokens } = options;
  await beginEra(beside, old === 'none' ? undefined : await headOf(place));
  const store = createPostgresEventStore({ url: beside.url('store'), name: 'keyfleet-restore' });
  try {
    const at = toTimestamp(clock.now());
    await recordRestore(store, head, at);
    const carriedOver = old === 'ours' ? await carryOver(place, { store, database: beside.database }) : null;
    const living = await livingTokens(store, clock.now());
    if (revokeApiTokens) await revokeTokens(store, living, at);
    options.onStep?.('Rebuilding the directory');
    const parkedStreams = await rebuildFirst(beside.url('worker'), store);
    const [revokedTokens, left] = revokeApiTokens ? [living.length, 0] : [0, living.length];
    return { carriedOver, livingTokens: left, revokedTokens, parkedStreams };
  } finally {
    await store.close();
  }
}

/** Undefined where the store cannot be read. */
async function headOf(place: Place): Promise<string | undefined> {
  const store = createPostgresEventStore({ url: place.url('store'), name: 'keyfleet-restore' });
  try {
    return await store.headPosition();
  } catch {
    return undefined;
  } finally {
    await store.close();
  }
}

/** Behind what is restored and behind what is replaced: that may have begun an era of its own with the same backup. */
async function beginEra(beside: Place, oldHead = '0'): Promise<void> {
  const owner = openPool(beside.url('owner'), 'keyfleet-restore');
  try {
    await owner`
      update store.floor set
        position = (greatest(position, (select max(position) from store.events), ${oldHead}::text::bigint) / ${ERA} + 1) * ${ERA},
        recorded_at = greatest(recorded_at, (select max(recorded_at) from store.events))`;
  } finally {
    await closeSql(owner);
  }
}
