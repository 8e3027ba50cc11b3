import { UsageReported } from '@keyfleet/contracts/events';
import { type Clock, isKeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { NameGuard } from '../names/guard.js';
import type { PreparedEvent, UsageMinute, VaultStorage } from '../storage/port.js';
import { prepareEvent } from './prepare.js';
import { guardedClass, minuteOf } from './trail.js';

const MAX_ROWS = 200;
/** A request that began in a minute may end just after it. */
const GRACE_MS = 2_000;

export interface UsageReportOptions {
  readonly storage: VaultStorage;
  readonly guard: NameGuard;
  readonly clock: Pick<Clock, 'now'>;
}

type Row = UsageMinute['rows'][number]['of'] & { count: number };

/**
 * Tells of every minute that is over. Counts leave the table in the transaction in which they become entries, so each
 * is told once, whatever is killed in between; counts that come late make further parts of their minute.
 */
export async function reportUsage({ storage, guard, clock }: UsageReportOptions): Promise<void> {
  for (;;) {
    // Without its key the agent cannot tell names from values: counts wait until it is unsealed.
    if (guard.sealed) return;
    const minute = await storage.oldestUsage(minuteOf(toTimestamp(clock.now() - GRACE_MS)));
    if (!minute) return;
    const names = guard.names();
    const rows = minute.rows.map(({ of, count }) => ({ ...guardedClass(of, names), count }));
    const events = inParts({ minute, rows, at: toTimestamp(clock.now()) });
    await storage.apply({
      events,
      reported: { minute: minute.minute, parts: events.length, rows: minute.rows },
    });
  }
}

interface Report {
  readonly minute: UsageMinute;
  readonly rows: readonly Row[];
  readonly at: string;
}

/** As many rows to a part as the schema and the size of an entry allow. */
function inParts({ minute, rows, at }: Report): PreparedEvent[] {
  const parts: PreparedEvent[] = [];
  for (let from = 0; from < rows.length; ) {
    const part = minute.parts + parts.length + 1;
    let count = Math.min(MAX_ROWS, rows.length - from);
    let event: PreparedEvent | undefined;
    while (!event) {
      event = fitting({ minute: minute.minute, part, rows: rows.slice(from, from + count) }, at, count > 1);
      if (!event) count = Math.ceil(count / 2);
    }
    parts.push(event);
    from += count;
  }
  return parts;
}

function fitting(
  data: { minute: string; part: number; rows: Row[] },
  at: string,
  divisible: boolean,
): PreparedEvent | undefined {
  try {
    return prepareEvent(UsageReported, data, at);
  } catch (error) {
    if (divisible && isKeyfleetError(error, 'journal.entry-too-large')) return undefined;
    throw error;
  }
}
