import type { Rollout } from '@keyfleet/policy/domain';
import type { Figures } from './figures.js';

/** What is to be done with a rollout by what is known of it. */
export type Verdict = 'wait' | 'advance' | 'complete' | { readonly halt: 'rejected' | 'denied' };

export interface Circumstances {
  readonly figures: Figures;
  /** Milliseconds since the rollout came to this wave, or was resumed. */
  readonly forMs: number;
  /** Some agent of it could not be given the bundle. */
  readonly blocked: boolean;
}

/** A share of fewer requests than these says nothing: the first one would be all or none. */
const FEWEST_REQUESTS = 10;

/** A wave is done when every agent of it that is online has answered, and its time is over. */
export function verdictOn(rollout: Rollout, { figures, forMs, blocked }: Circumstances): Verdict {
  const { haltOn, soakSeconds, waves } = rollout.plan;
  if (rollout.state !== 'running' && rollout.state !== 'paused') return 'wait';
  if (figures.rejected >= haltOn.rejected) return { halt: 'rejected' };
  if (haltOn.deniedPercent !== null && deniedPercent(figures) >= haltOn.deniedPercent)
    return { halt: 'denied' };
  if (rollout.state === 'paused' || blocked || figures.waiting > 0) return 'wait';
  if (forMs < soakSeconds * 1_000) return 'wait';
  return rollout.wave >= waves.length - 1 ? 'complete' : 'advance';
}

function deniedPercent({ requests, denied }: Figures): number {
  return requests < FEWEST_REQUESTS ? 0 : (denied / requests) * 100;
}
