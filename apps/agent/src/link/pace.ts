import { setTimeout as delay } from 'node:timers/promises';
import { testTimeFactor } from '@keyfleet/platform';

/** How fast the link's own time passes: proofs run days in minutes. Nothing but waiting is changed by it. */
export interface Pace {
  /** Resolves after so much of the link's time, at once with `false` where the signal ends it. */
  sleep(ms: number, signal: AbortSignal): Promise<boolean>;
  /** What this much of the link's time is on a real clock. */
  real(ms: number): number;
}

export function pace(factor = 1): Pace {
  const real = (ms: number) => ms / factor;
  return {
    real,
    sleep: (ms, signal) =>
      delay(Math.max(real(ms), 0), undefined, { signal, ref: false }).then(
        () => true,
        () => false,
      ),
  };
}

/** As fast as the environment asks. Throws where it does in production or asks for what is no number from 1 on. */
export function paceFromEnvironment(env: NodeJS.ProcessEnv): Pace {
  return pace(testTimeFactor(env));
}

/** Anywhere in the window: many who wait for the same thing do not come back together. */
export function fullJitter(windowMs: number, random: () => number): number {
  return random() * windowMs;
}

/** The window of the n-th failure in a row (from 1): doubled each time up to the ceiling. */
export function backoff(failures: number, options: { firstMs: number; ceilingMs: number }): number {
  return Math.min(options.firstMs * 2 ** Math.min(failures - 1, 30), options.ceilingMs);
}
