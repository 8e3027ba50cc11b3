import type { Clock } from '@keyfleet/kernel';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
