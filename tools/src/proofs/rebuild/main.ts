import { runProof } from '../run-proof.js';
import { proveRebuild, type Rebuilt } from './proof.js';

/** At scale 1. */
const EVENTS = 1_000_000;
const PER_SECOND = 20_000;
const LONGEST_SWITCH_MS = 100;

/** `npm run proof:rebuild`: read models are built anew under readers and writers, and nobody notices. */
await runProof('rebuild', async ({ directory, random, say, scaled, scale }) => {
  const result = await proveRebuild({
    ...{ directory, random, say },
    events: scaled(EVENTS),
    baselineMs: Math.max(5_000, 20_000 * Math.min(1, scale)),
  });
  const { timeline, inventory, before } = result;
  const claims = {
    rate: timeline.perSecond >= PER_SECOND && inventory.perSecond >= PER_SECOND,
    reads: [timeline, inventory].every(({ reads }) => isWhole(reads)),
    p99: [timeline, inventory].every(({ reads }) => reads.p99 <= 2 * before.p99),
    switch: timeline.reads.switchMs <= LONGEST_SWITCH_MS,
    notices: [timeline, inventory].every(
      ({ repeatedNotices, resets }) => repeatedNotices === 0 && resets === 1,
    ),
    rows: timeline.sameRows && inventory.sameRows,
  };
  return { held: Object.values(claims).every(Boolean), claims, ...result };
});

function isWhole({ failed, mixed, wentBack }: Rebuilt['reads']): boolean {
  return failed === 0 && mixed === 0 && wentBack === 0;
}
