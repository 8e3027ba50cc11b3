import { runProof } from '../run-proof.js';
import { proveBlindness } from './proof.js';

/** Ten seconds of tolerance are then two and a half real ones: a busy machine needs one for itself now and then. */
const FACTOR = 4;
const AGENTS = 6;
/** At scale 1. */
const LOST_MS = 600_000;
/** Readers go by the database's own clock, which is real time: it has to have time to tell. */
const LEAST_LOST_REAL_MS = 27_000;

/** `npm run proof:blindness`: our own outages are told as such, once, and no agent is called offline for them. */
await runProof('blindness', async ({ directory, say, scale }) => {
  const result = await proveBlindness({
    ...{ directory, say },
    factor: FACTOR,
    agents: AGENTS,
    lostMs: Math.max(LEAST_LOST_REAL_MS * FACTOR, LOST_MS * scale),
    only: process.env['KEYFLEET_PROOF_ONLY'],
  });
  return { ...result };
});
