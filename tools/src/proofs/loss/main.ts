import { runProof } from '../run-proof.js';
import { proveNoLoss } from './proof.js';

/** At scale 1: of 1,000,000 entries real agents carry a fifth, through a vault on disk each. */
const KILLS = 1_000;
const REAL = { agents: 6, entries: 200_000 };
const SIMULATED = { agents: 100, entries: 800_000 };
const KILL_EVERY_MS = 2_500;
const DISTURB_EVERY_MS = 15_000;

/** `npm run proof:loss`: kills everything over and over while agents write, and compares what everybody has afterwards. */
await runProof('loss', async ({ directory, random, say, scale, scaled, seed }) => {
  const crowd = Math.max(4, Math.min(SIMULATED.agents, Math.round(SIMULATED.agents * scale * 4)));
  const result = await proveNoLoss({
    ...{ directory, random, say, seed },
    agents: REAL.agents,
    entriesPerAgent: Math.ceil((REAL.entries * scale) / REAL.agents),
    simulated: crowd,
    entriesPerSimulated: Math.ceil((SIMULATED.entries * scale) / crowd),
    kills: scaled(KILLS),
    killEveryMs: KILL_EVERY_MS,
    disturbEveryMs: DISTURB_EVERY_MS,
  });
  return { ...result };
});
