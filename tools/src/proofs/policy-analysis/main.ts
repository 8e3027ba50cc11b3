import { runProof } from '../run-proof.js';
import { startOracle } from './oracle.js';
import { proveAnalysis } from './proof.js';

/** At scale 1. */
const PAIRS = 1_000;
const LEAST_IN_CONFLICT = 0.3;
const LEAST_WITH_CONDITIONS = 0.5;

/** `npm run proof:policy-analysis`: the analysis of policies and z3 say the same, and planted mistakes are noticed. */
await runProof('policy-analysis', async ({ directory, random, say, scaled }) => {
  const oracle = await startOracle();
  try {
    const result = await proveAnalysis({ ...{ oracle, directory, random, say }, pairs: scaled(PAIRS) });
    const { pairs, bugs } = result;
    const claims = {
      agrees: result.wrong === 0 && result.unanswered === 0,
      decides: result.undecided <= 0.01 * pairs,
      conflicts: result.inConflict >= LEAST_IN_CONFLICT * pairs,
      conditions: result.withConditions >= LEAST_WITH_CONDITIONS * pairs,
      notices: Object.values(bugs).every((at) => at !== null),
    };
    return { held: Object.values(claims).every(Boolean), claims, ...result };
  } finally {
    await oracle.close();
  }
});
