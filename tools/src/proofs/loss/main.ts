import { runProof } from '../run-proof.js';
import { proveNoLoss } from './proof.js';

/** At scale 1. */
const AGENTS = 3;
const ENTRIES_PER_AGENT = 2_000;
const KILLS = 24;
/** Room for a killed process to come back, in the mean. */
const MS_PER_KILL = 4_000;

/** `npm run proof:loss`: kills everything over and over while agents write, and compares what everybody has afterwards. */
await runProof('loss', async ({ directory, random, say, scale, scaled }) => {
  const kills = scaled(KILLS);
  const result = await proveNoLoss({
    directory,
    agents: AGENTS,
    entriesPerAgent: Math.max(10, Math.round(ENTRIES_PER_AGENT * scale)),
    kills,
    overMs: kills * MS_PER_KILL,
    cutOffMs: Math.min(45_000, kills * MS_PER_KILL * 0.5),
    random,
    say,
  });
  return { ...result };
});
