import type { Position } from '@keyfleet/event-store';
import { type Executor, postgresFailure, transaction } from '@keyfleet/postgres';
import { announceReset } from './announce.js';
import { pause } from './pause.js';
import { LEVEL_WITHIN_MS, LOCK_TIMEOUT, LOOK_AGAIN_MS, PASSING, type SwitcherOptions } from './switch.js';

/**
 * Ends a rebuild, which stands under a version below 0: as soon as its rows are as new as those in use, the two
 * exchange their tables in one transaction. Whoever works on the version waits at its lease row meanwhile, and goes on
 * with the new tables.
 */
export async function replaceWhenLevel(options: SwitcherOptions): Promise<void> {
  for (let before: Position | null | undefined; !options.signal.aborted; ) {
    try {
      const { rebuilt, inUse } = await positionsOf(options.sql, options);
      const near = before !== undefined && !isBehind(options, rebuilt, before);
      if (near && (await tryReplace(options))) return options.onSwitched();
      before = inUse;
    } catch (error) {
      if (!PASSING.has(postgresFailure(error))) throw error;
    }
    await pause(options.everyMs ?? 1_000, options.signal);
  }
}

async function tryReplace(options: SwitcherOptions): Promise<boolean> {
  const { name, version } = options.projection;
  return transaction(options.sql, async (tx) => {
    // No commit of the version is under way from here on, so none can meet the wrong tables.
    await holdLease(tx, name, -version);
    const position = await waitUntilLevel(tx, options);
    if (position === undefined) return false;
    await holdLease(tx, name, version);
    await tx`select set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await tx`select projections.replace(${name}, ${-version})`;
    await announceReset(tx, name, position);
    return true;
  });
}

async function holdLease(tx: Executor, name: string, version: number): Promise<void> {
  await tx`select 1 from projections.leases where projection = ${name} and version = ${version} for update`;
}

/** Undefined where it takes too long: the worker of the version waits for us. */
async function waitUntilLevel(tx: Executor, options: SwitcherOptions): Promise<Position | null | undefined> {
  const deadline = performance.now() + LEVEL_WITHIN_MS;
  while (performance.now() < deadline && !options.signal.aborted) {
    const { rebuilt, inUse } = await positionsOf(tx, options);
    if (!isBehind(options, rebuilt, inUse)) return rebuilt;
    await pause(LOOK_AGAIN_MS, options.signal);
  }
  return undefined;
}

function isBehind({ store }: SwitcherOptions, position: Position | null, goal: Position | null): boolean {
  if (goal === null) return false;
  return position === null || store.comparePositions(position, goal) < 0;
}

async function positionsOf(
  sql: Executor,
  { projection: { name, version } }: SwitcherOptions,
): Promise<{ readonly rebuilt: Position | null; readonly inUse: Position | null }> {
  const rows = await sql<{ version: number; position: Position | null }[]>`
    select version, position from projections.checkpoints
    where projection = ${name} and version in (${version}, ${-version})`;
  const of = (wanted: number): Position | null =>
    rows.find((row) => row.version === wanted)?.position ?? null;
  return { rebuilt: of(version), inUse: of(-version) };
}
