import { waitFor } from '@keyfleet/testing';
import { at, type Bench, type Figure } from './bench.js';
import { BenchFleet } from './fleet.js';
import { fill } from './workload.js';

/** The heaviest there is: every event is a row. */
const PROJECTION = 'analytics.events';
const CEILING_MS = 900_000;

/** Rows of one projection built anew beside those in use, as an operator asks for it. */
export const rebuild: Bench = {
  name: 'rebuild',
  about: 'the timeline built anew from the event store while the old one serves',
  sizes: [100_000, 1_000_000],
  run: async ({ directory, sizes, say }) => {
    const fleet = await BenchFleet.start(directory);
    try {
      const figures: Figure[] = [];
      let filled = 0;
      for (const size of sizes) {
        say(`${size} events, and every projection up to them`);
        await fill(fleet.store, size - filled, fleet.orgId);
        filled = size;
        await fleet.caughtUp();
        say('the rebuild');
        figures.push({ name: at('rebuild', size), figure: await rebuilt(fleet), unit: 'events/s' });
      }
      return figures;
    } finally {
      await fleet.stop();
    }
  },
};

async function rebuilt({ sql }: BenchFleet): Promise<number> {
  const [head] = await sql<{ position: string }[]>`select max(position) as position from store.events`;
  await sql`select projections.rebuild(${PROJECTION})`;
  const building = () =>
    sql<{ position: string | null }[]>`
      select position from projections.checkpoints where projection = ${PROJECTION} and state = 'building'`;
  // What it takes until somebody notices the request is not the rebuild.
  await waitFor(async () => (await building())[0]?.position !== null, { ceilingMs: 60_000 });
  const started = performance.now();
  const [first] = await building();
  const before = Number(first?.position ?? 0);
  await waitFor(async () => (await building()).length === 0, {
    ceilingMs: CEILING_MS,
    what: 'the exchange of the rebuilt rows',
  });
  return ((Number(head?.position) - before) * 1_000) / (performance.now() - started);
}
