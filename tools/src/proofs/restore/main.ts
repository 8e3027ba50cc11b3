import { runProof } from '../run-proof.js';
import { proveRestore } from './proof.js';

/** `npm run proof:restore`: an hour-old backup restored under a fleet that lives on. */
await runProof('restore', (run) =>
  proveRestore(run, {
    agents: Math.max(4, run.scaled(12)),
    late: Math.max(2, run.scaled(4)),
    history: run.scaled(1_000_000),
    stretchMs: Math.max(5_000, run.scaled(60_000)),
    damages: Math.max(4, run.scaled(40)),
  }),
);
