import { closeSql, type Sql } from '@keyfleet/postgres';
import { BackupFailure } from './failure.js';
import type { BackupManifest } from './format.js';
import type { Place } from './place.js';
import { openPool } from './snapshot.js';
import { kept } from './tables.js';

export interface Checked {
  readonly events: number;
  readonly streams: number;
  readonly journals: number;
}

/** What the loaded database has to be, asked of itself; each answer is the number of faults. */
const FAULTS = {
  'a stream has a hole or does not begin behind what retention removed': `
    select count(*)::int as n from (
      select s.floor, min(e.revision) as first, max(e.revision) as last, count(*) as events
      from store.events e join store.streams s on s.id = e.stream_id group by s.id, s.floor
    ) as stream where last - first + 1 <> events or first <> floor + 1`,
  'an event belongs to no stream, kind or organisation': `
    select count(*)::int as n from store.events e
    where not exists (select from store.streams s where s.id = e.stream_id)
      or not exists (select from store.kinds k where k.id = e.kind)
      or (e.org <> 0 and not exists (select from store.orgs o where o.id = e.org))`,
  'the chain of an agent’s journal is broken': `
    select count(*)::int as n from (
      select metadata -> 6 ->> 'prev' as prev,
        lag(metadata -> 6 ->> 'hash') over (partition by stream_id order by revision) as before
      from store.events where kind = any (array(select id from store.kinds where category = 'journal'))
    ) as entry where before is not null and prev <> before`,
} as const;

/** Throws `restore.check-failed` where what was loaded is not what the manifest says, or does not hang together. */
export async function checkLoaded(place: Pick<Place, 'url'>, manifest: BackupManifest): Promise<Checked> {
  const pools: Record<'owner' | 'worker' | 'identity', Sql> = {
    owner: openPool(place.url('owner'), 'keyfleet-restore'),
    worker: openPool(place.url('worker'), 'keyfleet-restore'),
    identity: openPool(place.url('identity'), 'keyfleet-restore'),
  };
  try {
    for (const { name, rows } of manifest.tables) {
      const table = kept(name);
      if (!table) throw new BackupFailure('restore.not-a-backup', `There is no table ${name}.`);
      const [found] = await pools[table.writer].unsafe<{ n: string }[]>(
        `select count(*)::text as n from ${table.name}`,
      );
      if (Number(found?.n) !== rows)
        throw new BackupFailure('restore.check-failed', `${name} has ${found?.n} rows instead of ${rows}.`);
    }
    for (const [fault, question] of Object.entries(FAULTS)) {
      const [found] = await pools.owner.unsafe<{ n: number }[]>(question);
      if (found?.n !== 0)
        throw new BackupFailure(
          'restore.check-failed',
          `Of the restored events, ${fault} (${found?.n} times).`,
        );
    }
    const [all] = await pools.owner<Checked[]>`
      select (select count(*)::int from store.events) as events, (select count(*)::int from store.streams) as streams,
        (select count(*)::int from store.streams where stream like 'journal-%') as journals`;
    return all as Checked;
  } finally {
    await Promise.all(Object.values(pools).map((pool) => closeSql(pool)));
  }
}
