import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId, systemClock } from '@keyfleet/platform';
import { seeded } from '../random.js';
import { History, MARKED } from './fill.js';
import { judgeReads, type Read } from './reads.js';

const read = (at: number, ms: number, ...marks: readonly string[]): Read => ({ at, ms, marks });

/** Rows of before up to 100, of after from then on, beside others that say nothing of it. */
const sound: readonly Read[] = [
  ...Array.from({ length: 20 }, (_, n) => read(n * 5, 4, n < 18 ? 'old' : 'new')),
  ...Array.from({ length: 20 }, (_, n) => read(n * 5 + 2, 3, 'other')),
];

describe('the judge of reads during a rebuild', () => {
  it('F16: lets a clean switch pass, and says how long reads took at it', () => {
    const slow = [...sound, read(60, 80, 'old')];
    expect(judgeReads(sound)).toMatchObject({ reads: 40, failed: 0, mixed: 0, wentBack: 0, switchMs: 4 });
    expect(judgeReads(slow)).toMatchObject({ wentBack: 0, switchMs: 80, p99: 80 });
  });

  it.each([
    ['failed', read(50, 2)],
    ['mixed', read(50, 2, 'old', 'new')],
    ['wentBack', read(99, 2, 'old')],
  ] as const)('F16: catches a read that %s', (law, planted) => {
    expect(judgeReads([...sound, planted])).toMatchObject({ [law]: 1 });
  });
});

it('fills a store with the history of a fleet, and goes on at a pace', async () => {
  const store = createInMemoryEventStore({ clock: systemClock });
  const orgs = [newId('org'), newId('org')];
  const history = new History({ store, orgs, events: 4_000, random: seeded(1), say: () => undefined });
  await history.fill();
  const { events } = await store.readAll({ limit: 100_000 });
  expect(events.filter(({ type }) => type === MARKED).map(({ metadata }) => metadata.orgId)).toContain(null);
  expect(events.filter(({ stream }) => stream.startsWith('journal-'))).toHaveLength(4_000);
  expect(await history.goOn(1_000, AbortSignal.timeout(200))).toBeGreaterThan(10);
});
