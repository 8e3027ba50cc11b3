import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@keyfleet/kernel';
import type { Pace } from '../pace.js';

export interface TestTime {
  readonly clock: Clock;
  readonly pace: Pace;
}

/** Time that passes faster, the same in every process that is given the same beginning; for proofs. */
export function testTime(factor: number, beganAt: number): TestTime {
  return {
    clock: {
      now: () => Math.floor(beganAt + (Date.now() - beganAt) * factor),
      monotonic: () => performance.now() * factor,
    },
    pace: {
      sleep: async (ms, signal) => {
        await delay(ms / factor, undefined, { signal }).catch(() => undefined);
      },
    },
  };
}
