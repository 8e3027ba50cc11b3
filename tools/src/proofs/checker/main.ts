import { runProof } from '../run-proof.js';
import { proveChecker } from './proof.js';

/** At scale 1: kills of the first round per planted bug. */
const KILLS = 24;
const FEWEST = 8;

/** `npm run proof:checker`: plants bugs, and holds only where every one is caught and the build without one is clean. */
await runProof('checker', async ({ directory, seed, random, say, scaled }) => {
  const kills = Math.max(FEWEST, scaled(KILLS));
  const { clean, caught } = await proveChecker({ directory, seed, random, say, kills });
  return {
    held: Object.keys(clean.findings).length === 0 && caught.every((one) => one.caught),
    planted: caught.length,
    caught: caught.filter((one) => one.caught).length,
    clean: clean.findings,
    bugs: Object.fromEntries(
      caught.map(({ name, findings, kills: of, caught: is }) => [name, { caught: is, findings, kills: of }]),
    ),
  };
});
