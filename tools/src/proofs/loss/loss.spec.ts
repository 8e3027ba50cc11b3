import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { proveNoLoss } from './proof.js';

/** The proof itself is `npm run proof:loss`; this keeps it working, small. */
it('F9, F10: real agents lose nothing while everything around them is killed, put back and cut off', async () => {
  const said: string[] = [];
  const result = await proveNoLoss({
    ...{ directory: temporaryDirectory('loss'), seed: '7', random: seeded(7) },
    ...{ agents: 3, entriesPerAgent: 100, simulated: 0, entriesPerSimulated: 0 },
    ...{ kills: 6, killEveryMs: 2_500, disturbEveryMs: 8_000 },
    weights: {
      'ingest.after-append': 1,
      'agent-older': 1,
      nats: 1,
      'postgres-older': 1,
      registry: 1,
      analytics: 1,
    },
    say: (line) => said.push(line),
  });
  expect(result).toMatchObject({
    ...{ lost: 0, duplicated: 0, reordered: 0, brokenLinks: 0, invented: 0 },
    ...{ misprojected: 0, misshown: 0, unrecorded: 0, acknowledgedEarly: 0, misstated: 0 },
    ...{ falseOffline: 0, falseGaps: 0, refused: 0, parked: 0, openTables: 0, held: true, kills: 6 },
  });
  expect(result.entries).toBeGreaterThanOrEqual(300);
}, 400_000);
