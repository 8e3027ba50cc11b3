import { runProof } from '../run-proof.js';
import { Crowd } from './crowd.js';
import { proveNoLoss } from './proof.js';

/** At scale 1: of 1,000,000 entries real agents carry half, through a vault on disk each. */
const KILLS = 1_000;
const ENTRIES = 1_000_000;
const REAL = { agents: 6, share: 0.5 };
const SIMULATED = 100;
const KILL_EVERY_MS = 2_500;
const DISTURB_EVERY_MS = 15_000;

/** `npm run proof:loss`: kills everything over and over while agents write, and compares what everybody has afterwards. */
await runProof('loss', async ({ directory, random, say, scale, scaled, seed }) => {
  // Without a simulator real agents carry all of it.
  const share = Crowd.isBuilt() ? REAL.share : 1;
  const simulated = Crowd.isBuilt() ? Math.min(SIMULATED, Math.ceil(4 * SIMULATED * scale)) : 0;
  const entries = ENTRIES * scale;
  const result = await proveNoLoss({
    ...{ directory, random, say, seed, simulated },
    agents: REAL.agents,
    entriesPerAgent: Math.ceil((entries * share) / REAL.agents),
    entriesPerSimulated: Math.ceil((entries * (1 - share)) / Math.max(simulated, 1)),
    kills: scaled(KILLS),
    killEveryMs: KILL_EVERY_MS,
    disturbEveryMs: DISTURB_EVERY_MS,
  });
  return { ...result };
});
