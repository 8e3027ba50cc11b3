import { runProof } from '../run-proof.js';
import { proveBacklog } from './proof.js';

/** At scale 1: 100,000 entries of three days. */
const RETURNING = 50;
const ENTRIES_EACH = 2_000;
const LIVE = 20;

/** `npm run proof:backlog`: F12, agents that were away for three days, and those who were not. */
await runProof('backlog', async ({ directory, seed, say, scale }) => ({
  ...(await proveBacklog({
    ...{ directory, seed, say, returning: RETURNING, live: LIVE },
    entriesEach: Math.max(200, Math.round(ENTRIES_EACH * scale)),
  })),
}));
