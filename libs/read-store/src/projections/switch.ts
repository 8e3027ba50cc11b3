import type { EventStore, Position } from '@keyfleet/event-store';
import { type Executor, postgresFailure, type Sql, transaction } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { announceReset } from './announce.js';
import type { VersionState } from './commit.js';
import { pause } from './pause.js';

export interface SwitcherOptions {
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'comparePositions'>;
  readonly projection: Pick<Projection, 'name' | 'version'>;
  readonly signal: AbortSignal;
  readonly onSwitched: () => void;
  /** Between two looks; 1 s by default. */
  readonly everyMs?: number;
  /** A newer version nobody has worked on for this long gives way to an older one that is worked on; 60 s by default. */
  readonly abandonedAfterMs?: number;
}

interface Version {
  readonly version: number;
  readonly state: VersionState;
  readonly position: Position | null;
  /** Milliseconds since its lease ended; `null` where it is held or was never taken. */
  readonly idle_ms: number | null;
}

/** Readers wait at most this long for a switch, well below the second after which the server looks for deadlocks. */
export const LOCK_TIMEOUT = '100ms';
/** How long the worker of the version in use may be kept waiting for the new one to draw level. */
export const LEVEL_WITHIN_MS = 500;
export const LOOK_AGAIN_MS = 10;

/**
 * Makes a version the one that is read, in one transaction, as soon as readers would see nothing older than before;
 * from then on it only looks. A newer version goes before an older one, unless nobody works on it any more: after a
 * release was rolled back, readers get the older version back, which its worker has carried on.
 */
export async function switchWhenLevel(options: SwitcherOptions): Promise<void> {
  let before: Seen = { position: undefined };
  while (!options.signal.aborted) {
    try {
      before = await look(options, before);
    } catch (error) {
      if (!PASSING.has(postgresFailure(error))) throw error;
    }
    await pause(options.everyMs ?? 1_000, options.signal);
  }
}

/** Where the version in use was at the last look; undefined before the first. */
interface Seen {
  readonly position: Position | null | undefined;
}

export const PASSING: ReadonlySet<unknown> = new Set<unknown>(['unavailable', 'conflict']);

/** Level with where the other was a moment ago, it is near enough to take the last step under locks. */
async function look(options: SwitcherOptions, { position: before }: Seen): Promise<Seen> {
  const { mine, current } = await versionsOf(options.sql, options.projection);
  const near = before !== undefined && !isBehind(options, mine.position, before);
  if (mine.state !== 'current' && near && mayReplace(options, mine, current) && (await trySwitch(options)))
    options.onSwitched();
  return { position: current?.position ?? null };
}

async function trySwitch(options: SwitcherOptions): Promise<boolean> {
  const { name, version } = options.projection;
  return transaction(options.sql, async (tx) => {
    const { current } = await versionsOf(tx, options.projection, { lockCurrent: true });
    const level = await waitUntilLevel(tx, options, current?.position ?? null);
    if (!level) return false;
    await tx`select set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await tx`select projections.switch(${name}, ${version})`;
    await announceReset(tx, name, level.position);
    return true;
  });
}

/** The version in use stands still under our lock, so the other reaches it unless it is far behind. */
async function waitUntilLevel(
  tx: Executor,
  options: SwitcherOptions,
  goal: Position | null,
): Promise<Version | null> {
  const deadline = performance.now() + LEVEL_WITHIN_MS;
  while (performance.now() < deadline && !options.signal.aborted) {
    const { mine, current } = await versionsOf(tx, options.projection);
    if (!mayReplace(options, mine, current)) return null;
    if (!isBehind(options, mine.position, goal)) return mine;
    await pause(LOOK_AGAIN_MS, options.signal);
  }
  return null;
}

function mayReplace(
  { abandonedAfterMs = 60_000 }: SwitcherOptions,
  mine: Version,
  current?: Version,
): boolean {
  if (!current || current.version < mine.version) return true;
  return current.version > mine.version && (current.idle_ms ?? 0) > abandonedAfterMs;
}

function isBehind({ store }: SwitcherOptions, position: Position | null, goal: Position | null): boolean {
  if (goal === null) return false;
  return position === null || store.comparePositions(position, goal) < 0;
}

async function versionsOf(
  sql: Executor,
  { name, version }: SwitcherOptions['projection'],
  { lockCurrent = false } = {},
): Promise<{ readonly mine: Version; readonly current: Version | undefined }> {
  if (lockCurrent)
    await sql`select 1 from projections.checkpoints where projection = ${name} and state = 'current' for update`;
  const versions = await sql<Version[]>`
    select version, state, position,
      case when l.until < clock_timestamp()
        then extract(epoch from clock_timestamp() - l.until)::float8 * 1000 end as idle_ms
    from projections.checkpoints c left join projections.leases l using (projection, version)
    where projection = ${name}`;
  const mine = versions.find((one) => one.version === version);
  if (!mine) throw new Error(`The tables of ${name} version ${version} are not there; run the migrations.`);
  return { mine, current: versions.find(({ state }) => state === 'current') };
}
