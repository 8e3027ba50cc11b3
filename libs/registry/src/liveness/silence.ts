/** An organisation's agents as the detector counts them. */
export interface OrgSilence {
  /** Went offline within the last window. */
  readonly recent: number;
  /** Are offline since the silence began (or, with none going on, the same as `recent`). */
  readonly silent: number;
  /** All agents of the organisation that are not revoked. */
  readonly total: number;
}

/** Covered time in which agents must fall silent to be one silence of the fleet. */
export const SILENCE_WINDOW_MS = 90_000;
const LEAST_AGENTS = 5;
const LEAST_SHARE = 0.3;

/**
 * Many agents at once are one thing that happened. It is over when less than half of what it takes is left, so that
 * one agent coming and going at the edge does not end and begin it.
 */
export function judgeSilence(ongoing: boolean, { recent, silent, total }: OrgSilence): boolean {
  if (!ongoing) return recent >= LEAST_AGENTS && recent >= LEAST_SHARE * total;
  return silent >= LEAST_AGENTS / 2 && silent >= (LEAST_SHARE / 2) * total;
}
