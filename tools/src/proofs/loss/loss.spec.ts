import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { proveNoLoss } from './proof.js';

/** The proof itself is `npm run proof:loss`; this keeps it working, small. */
it('F9, F10: real agents lose nothing while broker, registry, projectors and they themselves are killed', async () => {
  const said: string[] = [];
  const result = await proveNoLoss({
    ...{ directory: temporaryDirectory('loss'), agents: 3, entriesPerAgent: 120 },
    ...{ kills: 9, overMs: 30_000, cutOffMs: 12_000, random: seeded(7) },
    say: (line) => said.push(line),
  });
  expect(result).toMatchObject({
    ...{ lost: 0, duplicated: 0, reordered: 0, brokenLinks: 0, invented: 0, misshown: 0, unrecorded: 0 },
    ...{ falseOffline: 0, held: true },
  });
  expect(result.entries).toBeGreaterThanOrEqual(360);
  expect(result.kills).toBeGreaterThanOrEqual(7);
}, 400_000);
