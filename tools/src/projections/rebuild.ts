import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '@keyfleet/postgres';
import { requestRebuild } from '@keyfleet/read-store';
import type { Access } from './access.js';
import { say } from './output.js';

const OK = 0;
const NOT_FOUND = 4;
const TIMEOUT = 6;
const LOOK_MS = 500;
const SAY_MS = 5_000;

export interface RebuildRequest {
  readonly name: string;
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Asks for a rebuild and, unless told otherwise, waits until readers see the new rows. */
export async function rebuild({ sql }: Access, { name, wait, timeoutMs }: RebuildRequest): Promise<number> {
  const version = await requestRebuild(sql, name);
  if (version === null) {
    say(`There is no projection "${name}"; see: projections list`);
    return NOT_FOUND;
  }
  say(`${name} is rebuilt beside the rows in use; readers see those until it is done.`);
  if (!wait) return OK;
  const started = performance.now();
  for (let said = started; performance.now() - started < timeoutMs; await delay(LOOK_MS)) {
    const { state, position, goal, worked } = await progressOf(sql, name, version);
    if (state !== 'building') {
      say(`${name} is rebuilt (${Math.round((performance.now() - started) / 100) / 10} s).`);
      return OK;
    }
    if (performance.now() - said < SAY_MS) continue;
    said = performance.now();
    say(
      worked
        ? `${name} is at ${position ?? 'the beginning'} of ${goal}`
        : 'Nobody works on it: is the service that hosts it running?',
    );
  }
  say(`${name} was not done within ${timeoutMs / 1_000} s; it goes on. See: projections list`);
  return TIMEOUT;
}

interface Progress {
  readonly state: string;
  readonly position: string | null;
  readonly goal: string | null;
  readonly worked: boolean;
}

async function progressOf(sql: Sql, name: string, version: number): Promise<Progress> {
  const [row] = await sql<Progress[]>`
    select mine.state, mine.position, used.position as goal,
      exists (select from projections.leases l where l.projection = ${name} and l.version = ${-version}
                and l.until > clock_timestamp()) as worked
    from projections.checkpoints mine
    join projections.checkpoints used on used.projection = mine.projection and used.version = ${version}
    where mine.projection = ${name} and mine.version = ${-version}`;
  return row ?? { state: 'gone', position: null, goal: null, worked: false };
}
