import { Text, Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, 1_000);

/** The current time, one tick a second for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => now,
  );
}

const STEPS: readonly [limit: number, divisor: number, unit: string][] = [
  [60, 1, 's'],
  [3_600, 60, 'min'],
  [86_400, 3_600, 'h'],
  [Number.POSITIVE_INFINITY, 86_400, 'd'],
];

export function ago(at: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Date.parse(at)) / 1_000);
  const distance = Math.abs(seconds);
  if (distance < 3) return 'now';
  const [, divisor, unit] = STEPS.find(([limit]) => distance < limit) ?? [0, 86_400, 'd'];
  const text = `${Math.floor(distance / divisor)} ${unit}`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

/** How long ago, with the exact moment behind it. */
export function RelativeTime({ at }: { readonly at: string | null }) {
  const current = useNow();
  if (at === null)
    return (
      <Text size="sm" c="dimmed">
        never
      </Text>
    );
  return (
    <Tooltip label={at} withArrow>
      <Text size="sm" component="time" dateTime={at} style={{ whiteSpace: 'nowrap' }}>
        {ago(at, current)}
      </Text>
    </Tooltip>
  );
}
