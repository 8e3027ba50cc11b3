import type { JournalEntry } from '@keyfleet/contracts';

/** Event versions the control plane takes, as the last sync named them; nothing before the first. */
export type Accepted = Readonly<Record<string, readonly number[]>>;

/** The entries that may be sent now: up to the first one of a version the control plane does not know yet, for order's sake. */
export function sendable(entries: readonly JournalEntry[], accepted: Accepted): readonly JournalEntry[] {
  const held = entries.findIndex(({ type, v }) => !accepted[type]?.includes(v));
  return held < 0 ? entries : entries.slice(0, held);
}
