import { runProof } from '../run-proof.js';
import { proveRollout } from './proof.js';

/** At scale 1. */
const AGENTS = 500;
const CALM = 2;
const KILLED = 10;
/** So few that nothing is learnt of waves. */
const LEAST_AGENTS = 20;
const KILLS_PER_WAVE = 3;

/** `npm run proof:rollout`: a version that should not go out halts by itself, and what had it is known exactly. */
await runProof('rollout', async ({ directory, random, say, scaled, seed }) => {
  const result = await proveRollout({
    ...{ directory, random, say, seed },
    agents: Math.max(LEAST_AGENTS, scaled(AGENTS)),
    ...{ calm: Math.min(CALM, scaled(CALM)), killed: scaled(KILLED), killsPerWave: KILLS_PER_WAVE },
  });
  return { ...result };
});
