import { runProof } from '../run-proof.js';
import { proveLiveness } from './proof.js';

/** Ten seconds of tolerance are then two real ones. */
const FACTOR = 5;
/** At scale 1. */
const AGENTS = 10_000;
const KILLS = 500;
const LASTS_MS = 1_800_000;
/** Long enough for a death, its report, and what befalls the registries in between. */
const LEAST_MS = 720_000;

/** `npm run proof:liveness`: every dead agent is reported once and in time, and nobody else. */
await runProof('liveness', async ({ directory, random, say, scale, scaled }) => {
  const result = await proveLiveness({
    ...{ directory, random, say },
    factor: FACTOR,
    agents: scaled(AGENTS),
    kills: scaled(KILLS),
    lastsMs: Math.max(LEAST_MS, LASTS_MS * Math.min(1, scale)),
  });
  return { ...result };
});
