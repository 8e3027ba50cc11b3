import { runProof } from '../run-proof.js';
import { provePolicyPush } from './proof.js';

/** At scale 1. */
const AGENTS = 10_000;
/** So few that nothing is learnt of a crowd. */
const LEAST_AGENTS = 20;
const ROUNDS = 3;
const AWAY_SHARE = 0.05;
const LIMITS = { p99Seconds: 5, returnedSeconds: 10 };

/** `npm run proof:policy-push`: a published policy is decided by everywhere within seconds, and a forged one nowhere. */
await runProof('policy-push', async ({ directory, random, say, scaled, seed }) => {
  const agents = Math.max(LEAST_AGENTS, scaled(AGENTS));
  const result = await provePolicyPush({
    ...{ directory, random, say, seed, agents },
    ...{ rounds: ROUNDS, awayShare: AWAY_SHARE, limits: LIMITS },
  });
  return { ...result };
});
