import { setTimeout as timer } from 'node:timers/promises';

/** Sleeps; returns early, and does not reject, when the signal ends it. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await timer(ms, undefined, { signal }).catch(() => undefined);
}
