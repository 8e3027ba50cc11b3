import { isKeyfleetError } from '@keyfleet/kernel';
import type { Position, RecordedEvent, SubscriptionItem } from './port.js';
import { pause, type Wakeups } from './wakeups.js';

/** One look at the log: what matched, how far was looked, and whether more was there to look at. */
export interface Look {
  readonly events: readonly RecordedEvent[];
  readonly upTo: Position;
  readonly more: boolean;
  /** The log ends before where this look began: the store was put back to an earlier time. */
  readonly behind?: boolean;
}

/** Who follows has seen what this store does not have any more. What comes next would be passed over in silence. */
export class StoreBehindError extends Error {
  constructor() {
    super('The event store is behind what was read from it: it was put back to an earlier time.');
    this.name = 'StoreBehindError';
  }
}

export interface Followed {
  /** Looks once, bounded in time, also where nothing matches for long. */
  look(after: Position): Promise<Look>;
  readonly after: Position;
  readonly wakeups: Wakeups;
  readonly signal: AbortSignal;
  /** The truth behind the wake-ups: at the latest so long after an event it is looked for. */
  readonly pollMs: number;
}

/** Under load many groups commit per second; one look takes what several brought. */
const BETWEEN_LOOKS_MS = 10;
/** A mark makes its reader write a checkpoint, so marks alone come at most this often. */
const BETWEEN_MARKS_MS = 50;
const AFTER_FAILURE_MS = { first: 100, last: 1_000 };

/** A subscription over a log that can be looked at: catches up, then follows, one look per batch taken. */
export async function* follow(followed: Followed): AsyncGenerator<readonly SubscriptionItem[]> {
  const { wakeups, signal, pollMs } = followed;
  let after = followed.after;
  let lastYield = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const started = performance.now();
    const since = wakeups.version;
    const look = await lookPatiently(followed, after);
    if (!look) return;
    if (look.behind) throw new StoreBehindError();
    const hasNews = look.upTo !== after;
    const tooSoon = look.events.length === 0 && !look.more && started - lastYield < BETWEEN_MARKS_MS;
    if (hasNews && !tooSoon) {
      after = look.upTo;
      lastYield = started;
      yield itemsOf(look);
    }
    if (look.more) continue;
    if (hasNews && tooSoon) await pause(BETWEEN_MARKS_MS, signal);
    else await wakeups.wait({ since, timeoutMs: pollMs, signal });
    await pauseUntil(started + BETWEEN_LOOKS_MS, signal);
  }
}

function itemsOf({ events, upTo }: Look): SubscriptionItem[] {
  const items: SubscriptionItem[] = events.map((event) => ({ kind: 'event', event }));
  if (events.at(-1)?.position !== upTo) items.push({ kind: 'mark', upTo });
  return items;
}

/** An outage is waited out: the consumer's place does not change by it. `undefined` once the signal ended. */
async function lookPatiently({ look, signal }: Followed, after: Position): Promise<Look | undefined> {
  for (let wait = AFTER_FAILURE_MS.first; !signal.aborted; wait = Math.min(wait * 2, AFTER_FAILURE_MS.last)) {
    try {
      const found = await untilEnd(look(after), signal);
      return signal.aborted ? undefined : found;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isKeyfleetError(error, 'store.unavailable')) throw error;
      await pause(wait, signal);
    }
  }
  return undefined;
}

/** A look at a server that hangs takes as long as its deadline; whoever ends does not wait for it. */
function untilEnd<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = (): void => resolve(undefined);
    signal.addEventListener('abort', end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

async function pauseUntil(moment: number, signal: AbortSignal): Promise<void> {
  const left = moment - performance.now();
  if (left > 0) await pause(left, signal);
}
