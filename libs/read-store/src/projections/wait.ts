import { compareCounts, isCount, type Position } from '@keyfleet/event-store';
import { KeyfleetError } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import { reading } from '../tenancy/reading.js';
import { pause } from './pause.js';

export interface WaitOptions {
  /** The projections a query reads. */
  readonly projections: readonly string[];
  readonly position: Position;
  /** 2 s by default. */
  readonly ceilingMs?: number;
  /** `comparePositions` of the event store; by default that of stores that count their events. */
  readonly compare?: (a: Position, b: Position) => number;
  readonly signal?: AbortSignal;
}

const CEILING_MS = 2_000;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 40;
const NEVER = new AbortController().signal;

/**
 * Waits until what readers see of each projection has reached a position; false where one did not within the ceiling,
 * so the answer is stale. `request.invalid` for something that is no position: it comes from a header.
 */
export async function waitForPosition(sql: Sql, options: WaitOptions): Promise<boolean> {
  const { position, compare = compareCounts, ceilingMs = CEILING_MS, signal = NEVER } = options;
  if (compare === compareCounts && !isCount(position)) throw notAPosition();
  const projections = [...new Set(options.projections)];
  const deadline = performance.now() + ceilingMs;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const rows = await reading(sql<{ position: Position | null }[]>`
      select position from projections.checkpoints
      where state = 'current' and projection = any(${projections}::text[])`);
    const reached = rows.filter((row) => compare(row.position ?? '0', position) >= 0);
    if (reached.length === projections.length) return true;
    if (signal.aborted || performance.now() + wait > deadline) return false;
    await pause(wait, signal);
  }
}

function notAPosition(): KeyfleetError {
  return new KeyfleetError('request.invalid', {
    detail: 'This position is not one that an answer of ours gave.',
    errors: [{ pointer: 'header/keyfleet-position', message: 'Not a position.' }],
  });
}
