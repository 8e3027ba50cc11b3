/** The sooner of two ends in milliseconds since the epoch; `null` is none. */
export function within(end: number, limit: number | null): number;
export function within(end: number | null, limit: number | null): number | null;
export function within(end: number | null, limit: number | null): number | null {
  if (end === null || limit === null) return end ?? limit;
  return Math.min(end, limit);
}
