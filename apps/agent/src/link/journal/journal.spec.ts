import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GENESIS_HASH, type JournalEntry, journalEntry, KEEP_ACKNOWLEDGED_MS } from '@keyfleet/contracts';
import { hashEntry, verifyChain } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import fc from 'fast-check';
import { type OpenVault, openSqlite } from '../../storage/sqlite/open.js';
import type { EntryBody } from './entries.js';

const everything = { entries: 100_000, bytes: 1e9 };
const identity = { orgId: newId('org'), agentId: newId('agt') };
const first = { ...identity, epoch: 1, prev: GENESIS_HASH };

let clock: TestClock;
let vault: OpenVault;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-journal-'));
  clock = new TestClock();
  vault = openSqlite(join(directory, 'vault.db'), clock);
});
afterEach(async () => {
  await vault.storage.close();
  rmSync(directory, { recursive: true });
});

function body(version = 1): EntryBody {
  const data = { path: 'team/app', version, principal: 'app:billing' };
  return { id: newId('evt'), type: 'SecretUpdated', v: 1, at: new Date(clock.now()).toISOString(), data };
}

async function append(count: number): Promise<string[]> {
  const events = Array.from({ length: count }, (_, n) => body(n + 1));
  await vault.storage.apply({ events });
  return events.map(({ id }) => id);
}

function kept(): JournalEntry[] {
  const oldest = vault.journal.oldestSeq();
  return oldest === null ? [] : vault.journal.pending(everything, oldest - 1);
}

const ids = (entries: readonly JournalEntry[]) => entries.map(({ id }) => id);
const place = ({ epoch, seq, hash }: JournalEntry) => ({ epoch, seq, hash });

describe('before enrolment', () => {
  it('keeps what happened, sends nothing, and chains it in order once it knows who it is', async () => {
    const recorded = [...(await append(2)), ...(await append(1))];
    expect(vault.journal.pending(everything)).toEqual([]);
    expect(vault.journal.head()).toEqual({ epoch: 0, seq: 0, hash: GENESIS_HASH });
    expect([vault.journal.oldestSeq(), vault.journal.oldestPrev()]).toEqual([null, null]);

    vault.journal.identify(first);
    const chained = vault.journal.pending(everything);
    expect(ids(chained)).toEqual(recorded);
    expect(chained.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(verifyChain(chained, { seq: 0, hash: GENESIS_HASH }).intact).toBe(true);
    for (const entry of chained) expect(journalEntry.parse(entry)).toEqual(entry);
  });

  it('has no watermark to move and no epoch to leave', async () => {
    await append(1);
    expect(vault.journal.acknowledge({ epoch: 0, seq: 0, hash: GENESIS_HASH })).toBe(false);
    expect(vault.journal.rewind({ seq: 0, hash: GENESIS_HASH })).toBe(false);
    expect(() => vault.journal.startEpoch({ epoch: 1, prev: GENESIS_HASH, rechainFrom: 1 })).toThrow(
      RangeError,
    );
  });
});

describe('identify', () => {
  it('is a no-op for the same identity, whatever epoch it names: epochs are a matter of sync', async () => {
    vault.journal.identify(first);
    await append(2);
    const before = vault.journal.pending(everything);
    vault.journal.identify({ ...first, epoch: 9, prev: 'f'.repeat(64) });
    expect(vault.journal.pending(everything)).toEqual(before);
  });

  it('chains what was not acknowledged anew for another identity, and forgets the rest', async () => {
    vault.journal.identify(first);
    const before = await append(5);
    vault.journal.acknowledge(place(kept()[1] as JournalEntry));
    const other = { orgId: newId('org'), agentId: newId('agt'), epoch: 1, prev: GENESIS_HASH };
    vault.journal.identify(other);
    const entries = vault.journal.pending(everything);
    expect(ids(entries)).toEqual(before.slice(2));
    expect(entries.map(({ seq, agentId, orgId }) => [seq, agentId, orgId])).toEqual(
      [1, 2, 3].map((seq) => [seq, other.agentId, other.orgId]),
    );
    expect(vault.journal.oldestSeq()).toBe(1);
    expect(verifyChain(entries, { seq: 0, hash: GENESIS_HASH }).intact).toBe(true);
  });

  it('goes on from the hash the control plane names', async () => {
    const prev = 'ab'.repeat(32);
    await append(1);
    vault.journal.identify({ ...first, epoch: 4, prev });
    expect(vault.journal.acknowledged()).toEqual({ epoch: 4, seq: 0, hash: prev });
    expect(vault.journal.oldestPrev()).toBe(prev);
    expect(vault.journal.head().epoch).toBe(4);
  });
});

describe('pending', () => {
  it('stops at the number of entries and at the bytes as they are sent, but never before the first', async () => {
    vault.journal.identify(first);
    await append(6);
    const all = vault.journal.pending(everything);
    const sizes = all.map((entry) => Buffer.byteLength(JSON.stringify(entry)) + 1);
    expect(ids(vault.journal.pending({ entries: 4, bytes: 1e9 }))).toEqual(ids(all.slice(0, 4)));
    const three = sizes.slice(0, 3).reduce((sum, size) => sum + size, 0);
    expect(ids(vault.journal.pending({ entries: 100, bytes: three }))).toEqual(ids(all.slice(0, 3)));
    expect(ids(vault.journal.pending({ entries: 100, bytes: three - 1 }))).toEqual(ids(all.slice(0, 2)));
    expect(ids(vault.journal.pending({ entries: 100, bytes: 1 }))).toEqual(ids(all.slice(0, 1)));
    expect(ids(vault.journal.pending(everything, 4))).toEqual(ids(all.slice(4)));
    expect(vault.journal.pending(everything, 6)).toEqual([]);
  });
});

describe('the watermark', () => {
  beforeEach(async () => {
    vault.journal.identify(first);
    await append(5);
  });

  it('moves to a hash the journal has there, and is still there after the process was started again', async () => {
    const third = place(kept()[2] as JournalEntry);
    expect(vault.journal.acknowledge(third)).toBe(true);
    await vault.storage.close();
    vault = openSqlite(join(directory, 'vault.db'), clock);
    expect(vault.journal.acknowledged()).toEqual(third);
    expect(vault.journal.pending(everything).map(({ seq }) => seq)).toEqual([4, 5]);
    expect(vault.journal.oldestSeq()).toBe(1);
  });

  it('is believed only with the own hash, in the own epoch, and no further than the own journal', () => {
    const [, second] = kept() as [JournalEntry, JournalEntry];
    const before = vault.journal.acknowledged();
    expect(vault.journal.acknowledge({ ...place(second), hash: 'f'.repeat(64) })).toBe(false);
    expect(vault.journal.acknowledge({ ...place(second), seq: 3 })).toBe(false);
    expect(vault.journal.acknowledge({ ...place(second), epoch: 2 })).toBe(false);
    expect(vault.journal.acknowledge({ epoch: 1, seq: 6, hash: second.hash })).toBe(false);
    expect(vault.journal.acknowledge({ epoch: 1, seq: 0, hash: 'f'.repeat(64) })).toBe(false);
    expect(vault.journal.acknowledged()).toEqual(before);
  });

  it('never moves back by an acknowledgement that comes late', () => {
    const [, second, , fourth] = kept() as [JournalEntry, JournalEntry, JournalEntry, JournalEntry];
    vault.journal.acknowledge(place(fourth));
    expect(vault.journal.acknowledge(place(second))).toBe(true);
    expect(vault.journal.acknowledged()).toEqual(place(fourth));
  });

  it('moves back when the control plane was restored, as far as the journal reaches', () => {
    const entries = kept();
    vault.journal.acknowledge(place(entries[4] as JournalEntry));
    const second = entries[1] as JournalEntry;
    expect(vault.journal.rewind({ seq: 2, hash: 'f'.repeat(64) })).toBe(false);
    expect(vault.journal.rewind(second)).toBe(true);
    expect(vault.journal.pending(everything)).toEqual(entries.slice(2));
    expect(vault.journal.rewind({ seq: 0, hash: GENESIS_HASH })).toBe(true);
    expect(vault.journal.pending(everything)).toEqual(entries);
  });

  it('survives that all entries are gone: the next one joins on to the last', async () => {
    const last = kept()[4] as JournalEntry;
    vault.journal.acknowledge(place(last));
    clock.advance(KEEP_ACKNOWLEDGED_MS + 1);
    vault.journal.prune(clock.now());
    expect(vault.journal.oldestSeq()).toBeNull();
    expect(vault.journal.head()).toEqual(place(last));
    await append(1);
    expect(vault.journal.pending(everything)).toMatchObject([{ seq: 6, prev: last.hash }]);
    expect(vault.journal.rewind({ seq: 5, hash: last.hash })).toBe(true);
    expect(vault.journal.rewind({ seq: 4, hash: last.prev })).toBe(false);
  });
});

describe('prune', () => {
  it('drops only what is acknowledged and older than seven days, and reaches just before the oldest', async () => {
    vault.journal.identify(first);
    await append(3);
    const entries = kept();
    vault.journal.acknowledge(place(entries[1] as JournalEntry));
    clock.advance(KEEP_ACKNOWLEDGED_MS);
    vault.journal.prune(clock.now());
    expect(vault.journal.oldestSeq()).toBe(1);
    clock.advance(1);
    vault.journal.prune(clock.now());
    expect(kept()).toEqual(entries.slice(2));
    expect(vault.journal.oldestPrev()).toBe(entries[1]?.hash);
    expect(vault.journal.rewind({ seq: 2, hash: entries[1]?.hash as string })).toBe(true);
    expect(vault.journal.rewind({ seq: 1, hash: entries[0]?.hash as string })).toBe(false);
  });

  it('leaves no hole when the clock was set back between two acknowledgements', async () => {
    vault.journal.identify(first);
    await append(2);
    const [one, two] = kept() as [JournalEntry, JournalEntry];
    const start = clock.now();
    vault.journal.acknowledge(place(one));
    clock.jumpTo(start - 30 * 24 * 3_600_000);
    vault.journal.acknowledge(place(two));
    clock.jumpTo(start);
    vault.journal.prune(clock.now());
    expect(vault.journal.oldestSeq()).toBe(1);
  });
});

describe('a new epoch', () => {
  const prev = 'cd'.repeat(32);

  it('takes the entries from the fork on with their ids, and counts those before as committed', async () => {
    vault.journal.identify(first);
    const before = await append(5);
    vault.journal.acknowledge(place(kept()[0] as JournalEntry));
    vault.journal.startEpoch({ epoch: 2, prev, rechainFrom: 4 });
    const entries = vault.journal.pending(everything);
    expect(ids(entries)).toEqual(before.slice(3));
    expect(entries.map(({ epoch, seq }) => [epoch, seq])).toEqual([
      [2, 1],
      [2, 2],
    ]);
    expect(verifyChain(entries, { seq: 0, hash: prev }).intact).toBe(true);
    expect(vault.journal.acknowledged()).toEqual({ epoch: 2, seq: 0, hash: prev });
    await append(1);
    expect(verifyChain(vault.journal.pending(everything), { seq: 0, hash: prev })).toMatchObject({ seq: 3 });
  });

  it('takes entries that were acknowledged before, when the control plane says so', async () => {
    vault.journal.identify(first);
    const before = await append(3);
    vault.journal.acknowledge(place(kept()[2] as JournalEntry));
    vault.journal.startEpoch({ epoch: 7, prev, rechainFrom: 2 });
    expect(ids(vault.journal.pending(everything))).toEqual(before.slice(1));
  });

  it('moves nothing where nothing has to move', async () => {
    vault.journal.identify(first);
    await append(3);
    vault.journal.startEpoch({ epoch: 2, prev, rechainFrom: 4 });
    expect(vault.journal.pending(everything)).toEqual([]);
    expect(vault.journal.head()).toEqual({ epoch: 2, seq: 0, hash: prev });
    expect(() => vault.journal.startEpoch({ epoch: 2, prev, rechainFrom: 1 })).toThrow(RangeError);
  });

  it('re-chains a long journal, in steps but in one transaction', async () => {
    vault.journal.identify(first);
    const before = [];
    for (let n = 0; n < 25; n += 1) before.push(...(await append(100)));
    vault.journal.startEpoch({ epoch: 2, prev, rechainFrom: 11 });
    const entries = vault.journal.pending(everything);
    expect(ids(entries)).toEqual(before.slice(10));
    expect(verifyChain(entries, { seq: 0, hash: prev })).toMatchObject({ intact: true, seq: 2_490 });
  });
});

describe('a change and its entries', () => {
  it('are one transaction: with the change refused there is no entry', async () => {
    vault.journal.identify(first);
    const refused = vault.storage.apply({
      secrets: [{ kind: 'delete', path: 'nowhere', expected: 1 }],
      events: [body()],
    });
    const other = vault.storage.apply({ events: [body(2)] });
    await expect(refused).rejects.toMatchObject({ code: 'revision.conflict' });
    await other;
    expect(vault.journal.pending(everything).map(({ data }) => data['version'])).toEqual([2]);
  });

  it('announces entries after their commit, and only them', async () => {
    vault.journal.identify(first);
    const heard: number[] = [];
    const stop = vault.journal.onAppend(() => heard.push(vault.journal.head().seq));
    await append(2);
    await vault.storage.apply({ usage: [] });
    stop();
    await append(1);
    expect(heard).toEqual([2]);
  });
});

describe('F11: a listener of the journal that fails', () => {
  it('keeps neither the next one nor the process from going on', async () => {
    vault.journal.identify(first);
    const heard: number[] = [];
    vault.journal.onAppend(() => {
      throw new Error('no space left on device');
    });
    vault.journal.onAppend(() => heard.push(vault.journal.head().seq));
    await append(1);
    await append(1);
    expect(heard).toEqual([1, 2]);
  });
});

describe('whatever happens in whatever order', () => {
  type Step =
    | { do: 'append'; count: number }
    | { do: 'acknowledge' | 'rewind' | 'fork'; at: number }
    | { do: 'prune'; days: number }
    | { do: 'restart' | 'enrol' };
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    fc.record({
      do: fc.constantFrom('acknowledge' as const, 'rewind' as const, 'fork' as const),
      at: fc.nat(30),
    }),
    fc.record({ do: fc.constant('prune' as const), days: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ do: fc.constantFrom('restart' as const, 'enrol' as const) }),
  );

  it('F11: the chain holds, the order of ids stays, and nothing that is not committed is gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const file = join(directory, `${newId('evt')}.db`);
        await vault.storage.close();
        vault = openSqlite(file, clock);
        const all: string[] = [];
        let committed = 0;
        let epoch = 0;
        const entryAt = (at: number) => {
          const entries = kept();
          return entries[at % Math.max(1, entries.length)];
        };
        const run = async (one: Step): Promise<void> => {
          if (one.do === 'append') all.push(...(await append(one.count)));
          if (one.do === 'restart') {
            await vault.storage.close();
            vault = openSqlite(file, clock);
          }
          if (one.do === 'prune') {
            clock.advance(one.days * 24 * 3_600_000);
            vault.journal.prune(clock.now());
          }
          if (one.do === 'enrol') {
            if (epoch === 0) epoch = 1;
            vault.journal.identify(first);
          }
          if (!('at' in one) || epoch === 0) return;
          const entry = entryAt(one.at);
          if (!entry) return;
          const index = all.indexOf(entry.id);
          if (one.do === 'acknowledge') {
            expect(vault.journal.acknowledge(place(entry))).toBe(true);
            committed = Math.max(committed, index + 1);
          }
          if (one.do === 'rewind') {
            expect(vault.journal.rewind(entry)).toBe(true);
            committed = Math.min(committed, index + 1);
          }
          if (one.do === 'fork') {
            epoch += 1;
            vault.journal.startEpoch({ epoch, prev: hashEntry({ epoch }), rechainFrom: entry.seq });
            committed = index;
          }
        };
        for (const one of steps) {
          await run(one);
          if (epoch === 0) continue;
          const { acknowledged, head } = {
            acknowledged: vault.journal.acknowledged(),
            head: vault.journal.head(),
          };
          expect(acknowledged.epoch).toBe(epoch);
          expect(ids(vault.journal.pending(everything))).toEqual(all.slice(committed));
          const entries = kept();
          expect(ids(entries)).toEqual(all.slice(all.length - entries.length));
          const oldest = vault.journal.oldestSeq();
          const before =
            oldest === null ? head : { seq: oldest - 1, hash: vault.journal.oldestPrev() as string };
          expect(verifyChain(entries, before)).toEqual({ intact: true, seq: head.seq, hash: head.hash });
        }
      }),
      { numRuns: 60 },
    );
  });
});
