import { runProof } from '../run-proof.js';
import { proveReplay } from './proof.js';

/** At scale 1. */
const CLASSES = 1_000_000;
const RULES = 60;
const LONGEST_SECONDS = 30;
/** At small scales most of it is a beginning. */
const FEWEST_SECONDS = 5;
/** Classes that are guessed as well, whatever the scale lets there be. */
const GUESSED = 1_500;

/** `npm run proof:policy-replay`: a draft replayed against recorded traffic flips what it would flip, and that quickly. */
await runProof('policy-replay', async ({ random, say, scaled, scale }) => {
  const classes = scaled(CLASSES);
  const guessEvery = Math.max(1, Math.floor(classes / GUESSED));
  const result = await proveReplay({ ...{ classes, guessEvery, random, say }, rules: RULES });
  const limitSeconds = Math.max(FEWEST_SECONDS, LONGEST_SECONDS * Math.min(1, scale));
  const claims = {
    fast: result.replaySeconds <= limitSeconds,
    equal: result.different === 0 && result.sameGroups,
    sound: result.overclaimed === 0,
    meaningful: result.flips > 0 && result.notDecidable > 0,
  };
  return { held: Object.values(claims).every(Boolean), claims, limitSeconds, ...result };
});
