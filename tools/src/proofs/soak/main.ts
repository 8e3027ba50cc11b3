import { runProof } from '../run-proof.js';
import { proveSoak } from './proof.js';

/** At scale 1. */
const LOOK_MS = 30 * 60_000;
/** A leak goes on after it; caches and compiled code of rare paths fill for longer than ten minutes. */
const WARM_UP_MS = 20 * 60_000;
const SIMULATED = 300;
const EVERY_MS = 10_000;
/** Percent. A shorter look resolves less: the growth that is let pass in it is the same. */
const LIMIT_PER_HOUR = 1;

/** `npm run proof:soak`: working steadily, nothing only ever becomes more. */
await runProof('soak', async ({ directory, seed, say, scale, scaled }) => ({
  ...(await proveSoak({
    ...{ directory, seed, say },
    simulated: scaled(SIMULATED),
    lookMs: LOOK_MS * scale,
    warmUpMs: Math.max(30_000, WARM_UP_MS * scale),
    everyMs: Math.max(1_000, Math.round(EVERY_MS * Math.min(1, scale))),
    limitPerHour: LIMIT_PER_HOUR / Math.min(1, scale),
  })),
}));
