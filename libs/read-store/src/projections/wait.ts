import type { Position } from '@keyfleet/event-store';
import type { Sql } from '@keyfleet/postgres';

export interface WaitOptions {
  readonly projections: readonly string[];
  readonly position: Position;
  readonly ceilingMs: number;
  readonly compare: (a: Position, b: Position) => number;
}

const POLL_MS = 15;

/** Waits until each projection has reached a position; false where one did not within the ceiling. */
export async function waitForPosition(sql: Sql, options: WaitOptions): Promise<boolean> {
  const { projections, position, ceilingMs, compare } = options;
  const deadline = performance.now() + ceilingMs;
  for (;;) {
    const rows = await sql<{ position: Position | null }[]>`select position from projections.checkpoints
      where state = 'current' and projection = any(${[...projections]}::text[])`;
    const reached = rows.filter((row) => row.position !== null && compare(row.position, position) >= 0);
    if (reached.length === projections.length) return true;
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
