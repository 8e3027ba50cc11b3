import { temporaryDirectory } from '@keyfleet/testing';
import { proveBacklog } from './proof.js';

/** The proof itself is `npm run proof:backlog`; this keeps it working, small. */
it('F12: three days of entries drain whole and in order, and who was there all the time does not wait for them', async () => {
  const result = await proveBacklog({
    ...{ directory: temporaryDirectory('backlog'), seed: '3', returning: 5, entriesEach: 1_000, live: 3 },
    say: () => {},
  });
  expect(result).toMatchObject({ missing: 0, reordered: 0, entries: 5_000, held: true });
  expect(result.liveEntries).toBeGreaterThan(0);
}, 300_000);
