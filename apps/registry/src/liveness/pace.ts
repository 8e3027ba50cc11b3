import { setTimeout as delay } from 'node:timers/promises';

/** How the loops wait; proofs in test time wait less for the same time. */
export interface Pace {
  /** Resolves after this much time, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemPace: Pace = {
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  },
};

interface Repetition {
  readonly everyMs: number;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  readonly monotonic: () => number;
  readonly run: () => Promise<void>;
}

/** Runs now and then every so often, on the beat: what one run takes does not move the next. Ends by the signal. */
export async function repeat({ everyMs, pace, signal, monotonic, run }: Repetition): Promise<void> {
  let next = monotonic();
  while (!signal.aborted) {
    await run();
    // A run that took longer than its turn skips the turns it missed.
    next = Math.max(next + everyMs, monotonic());
    await pace.sleep(Math.max(next - monotonic(), 0), signal);
  }
}
