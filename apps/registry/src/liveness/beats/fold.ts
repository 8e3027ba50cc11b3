import { type Coverage, coveredAt, isAlive, isSuspected, observe } from '@keyfleet/registry/liveness';
import type { Beat } from './beat.js';
import type { ExaminedAgent, SeenAgent } from './rows.js';

/** Lets the beats of an agent speak, in the order they came. */
export function foldBeats(agent: SeenAgent, beats: readonly Beat[], coverage: Coverage): ExaminedAgent {
  let { boots, suspects } = agent;
  let last: Beat | null = null;
  for (const beat of beats) {
    const seen = observe(boots, beat);
    boots = seen.boots;
    suspects = seen.suspects ?? suspects;
    if (isAlive(seen.sight)) last = beat;
  }
  return {
    ...agent,
    boots,
    suspects,
    // Two processes of different versions would change it with every beat.
    version: last && !isSuspected(boots, last.receivedAt) ? last.version : agent.version,
    returnedAt: agent.returnedAt ?? (last && agent.state !== 'online' ? last.receivedAt : null),
    beat: last,
    coveredMsAtSeen: last && Math.round(coveredAt(coverage, last.receivedAt)),
  };
}
