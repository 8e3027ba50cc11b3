import { GENESIS_HASH, journalEntry } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import fc from 'fast-check';
import { entrySource } from './entries.js';
import { MemoryJournal, type NewEntry } from './memory-journal.js';
import { seededRandom, seededUuids } from './random.js';
import { spread } from './spread.js';

const AT = '2026-03-01T10:00:00.000Z';
const some = (seed: string, count: number): NewEntry[] => {
  const next = entrySource(seededRandom(seed, 0, 'entries'));
  return Array.from({ length: count }, () => next(AT));
};

function journalOf(entries: readonly NewEntry[], pruneAt?: number): MemoryJournal {
  const journal = new MemoryJournal(pruneAt === undefined ? {} : { pruneAt });
  journal.identify({
    orgId: newId('org'),
    agentId: newId('agt'),
    epoch: 1,
    prev: GENESIS_HASH,
  });
  journal.append(...entries);
  return journal;
}

describe('draws of a simulator', () => {
  it('are the same for the same seed, spread over the whole range, and no two parts share them', () => {
    const draws = (...parts: (string | number)[]) => {
      const random = seededRandom(...parts);
      return Array.from({ length: 1_000 }, random);
    };
    expect(draws('s', 1)).toEqual(draws('s', 1));
    expect(draws('s', 1)).not.toEqual(draws('s', 2));
    expect(draws('s1')).not.toEqual(draws('s', 1));
    const mean = draws('s', 1).reduce((sum, value) => sum + value, 0) / 1_000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  });

  it('give identifiers that never come twice, also between agents', () => {
    const of = (agent: number) => seededUuids(seededRandom('s', agent, 'entries'));
    const all = Array.from({ length: 50 }, (_, agent) => of(agent)).flatMap((next) =>
      Array.from({ length: 100 }, next),
    );
    expect(new Set(all).size).toBe(5_000);
  });

  it('make entries as real agents journal them', () => {
    const entries = journalOf(some('real', 500)).pending({ entries: 500, bytes: Number.MAX_SAFE_INTEGER });
    for (const entry of entries) expect(journalEntry.parse(entry)).toEqual(entry);
    expect(new Set(entries.map(({ type }) => type)).size).toBeGreaterThan(6);
  });
});

describe('a journal in memory', () => {
  it('hands out each entry once and in order, whatever is acknowledged, pruned and put back between', () => {
    const steps = fc.array(fc.record({ append: fc.nat(20), take: fc.nat(30), restart: fc.boolean() }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 50 }), (plan, pruneAt) => {
        const bodies = some('law', 620);
        const journal = journalOf([], pruneAt);
        const seen: string[] = [];
        let next = 0;
        for (const { append, take, restart } of plan) {
          journal.append(...bodies.slice(next, next + append));
          next += append;
          if (restart) journal.putBack(journal.image());
          const batch = journal.pending({ entries: take, bytes: Number.MAX_SAFE_INTEGER });
          seen.push(...batch.map(({ id }) => id));
          const last = batch.at(-1);
          if (last) expect(journal.acknowledge(last)).toBe(true);
          expect(journal.head().seq).toBe(next);
          expect(journal.acknowledged().seq).toBe(seen.length);
        }
        expect(seen).toEqual(bodies.slice(0, seen.length).map(({ id }) => id));
      }),
      { numRuns: 100 },
    );
  });

  it('believes no watermark whose hash it does not have', () => {
    const journal = journalOf(some('marks', 10));
    const { epoch } = journal.head();
    expect(journal.acknowledge({ epoch, seq: 5, hash: 'f'.repeat(64) })).toBe(false);
    expect(journal.acknowledge({ epoch: epoch + 1, seq: 10, hash: journal.head().hash })).toBe(false);
    expect(journal.acknowledged().seq).toBe(0);
  });

  it('put back to an image has forgotten what came after, and keeps the image whole', () => {
    const journal = journalOf(some('image', 10));
    const [image, head] = [journal.image(), journal.head()];
    journal.append(...some('later', 5));
    journal.putBack(image);
    journal.append(...some('again', 5));
    journal.putBack(image);
    expect(journal.head()).toEqual(head);
  });
});

describe('what is spread over a time', () => {
  it('happens as often as was asked at each, in order, and not all at the beginning', async () => {
    const done = new Map<number, number[]>();
    const at: number[] = [];
    const began = performance.now();
    await spread({ items: [1, 2, 3], times: 450, overMs: 300 }, (item, from, to) => {
      at.push(performance.now() - began);
      const mine = done.get(item) ?? [];
      for (let nth = from; nth < to; nth += 1) mine.push(nth);
      done.set(item, mine);
    });
    const expected = Array.from({ length: 450 }, (_, nth) => nth);
    expect([...done.values()]).toEqual([expected, expected, expected]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    expect(at.filter((ms) => ms < 100).length).toBeLessThan(at.length);
  });

  it('happens at once where there is no time to it', async () => {
    let times = 0;
    await spread({ items: ['a'], times: 1_000, overMs: 0 }, (_, from, to) => {
      times += to - from;
    });
    expect(times).toBe(1_000);
  });
});
