import { createHash } from 'node:crypto';
import { GENESIS_HASH, type JournalEntry, journalStream } from '@keyfleet/contracts';
import { chainEntry } from '@keyfleet/crypto';
import type { RecordedEvent } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';
import { StoreJudge, type StoreVerdict } from './history.js';
import { Ledger } from './ledger.js';

const orgId = newId('org');
const real = newId('agt');
const simulated = newId('agt');

function journal(agentId: string, count: number): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let seq = 1; seq <= count; seq += 1)
    entries.push(
      chainEntry({
        ...{ id: newId('evt'), orgId, agentId, epoch: 1, seq, type: 'SecretUpdated', v: 1 },
        ...{ at: '2026-03-01T10:00:00.000Z', data: { path: 'a/b', version: seq, principal: 'app:x' } },
        prev: entries.at(-1)?.hash ?? GENESIS_HASH,
      }),
    );
  return entries;
}

const stored = ({ id, agentId, type, v, data, at, prev, hash, seq, epoch }: JournalEntry): RecordedEvent => ({
  ...{ id, type, v, data, stream: journalStream(agentId, epoch), revision: BigInt(seq - 1) },
  ...{ position: String(seq), recordedAt: at },
  metadata: { orgId, actor: agentId, at, journal: { prev, hash } },
});

const entries = { real: journal(real, 6), simulated: journal(simulated, 6) };
const summary = (of: readonly JournalEntry[]) => ({
  recorded: of.length,
  idsHash: of.reduce((hash, { id }) => hash.update(id), createHash('sha256')).digest('hex'),
});

interface Changed {
  readonly real?: readonly RecordedEvent[];
  readonly simulated?: readonly RecordedEvent[];
  /** Of the real agent's entries, how many were recorded and how many acknowledged. */
  readonly recorded?: number;
  readonly acknowledged?: number;
}

function judge(changed: Changed = {}): StoreVerdict {
  const ledger = new Ledger(':memory:');
  const { recorded = 6, acknowledged = 6 } = changed;
  ledger.remember(
    real,
    entries.real
      .slice(0, recorded)
      .map(({ id, seq }) => ({ id, written: null, acknowledged: seq <= acknowledged })),
  );
  const summaries = new Map([[simulated, summary(entries.simulated)]]);
  const judging = new StoreJudge({ ledger, summaries, real: new Set([real]) });
  judging.take(changed.real ?? entries.real.map(stored));
  judging.take(changed.simulated ?? entries.simulated.map(stored));
  const verdict = judging.verdict(0);
  ledger.close();
  return verdict;
}

const whole = { real: entries.real.map(stored), simulated: entries.simulated.map(stored) };
const swap = <T>([a, b, ...rest]: readonly T[]) => [b, a, ...rest] as T[];
const without = <T>(list: readonly T[], at: number) => list.filter((_, index) => index !== at);
const spoil = (list: readonly RecordedEvent[], change: object) =>
  list.map((event, index) => (index === 2 ? { ...event, ...change } : event));

it('finds nothing wrong with a history that is whole', () => {
  expect(judge()).toEqual({ lost: 0, duplicated: 0, reordered: 0, brokenLinks: 0, invented: 0 });
});

it('waits for nothing that no control plane ever promised to have', () => {
  expect(judge({ real: whole.real.slice(0, 4), acknowledged: 4 })).toMatchObject({ lost: 0 });
});

it('keeps the place of an entry that moved into a later epoch', () => {
  const moved = entries.real.slice(3).map((entry, index) => {
    const { hash: _, ...rest } = entry;
    return { ...rest, epoch: 2, seq: index + 1 };
  });
  let prev = entries.real[2]?.hash ?? '';
  const chained = moved.map((entry) => {
    const linked = chainEntry({ ...entry, prev });
    prev = linked.hash;
    return linked;
  });
  const there = [...whole.real.slice(0, 3), ...chained.map(stored)];
  expect(judge({ real: there })).toEqual(judge());
});

it.each<[keyof StoreVerdict, string, Changed]>([
  ['lost', 'an acknowledged entry is missing', { real: whole.real.slice(0, -1) }],
  ['lost', 'one of a simulated agent is missing', { simulated: whole.simulated.slice(0, -1) }],
  ['duplicated', 'an entry is there twice', { real: [...whole.real, ...whole.real.slice(-1)] }],
  [
    'duplicated',
    'one of a simulated agent is there twice',
    { simulated: [...whole.simulated, ...whole.simulated.slice(-1)] },
  ],
  ['reordered', 'two entries changed places', { real: swap(whole.real) }],
  ['reordered', 'two of a simulated agent changed places', { simulated: swap(whole.simulated) }],
  ['brokenLinks', 'an entry in the middle is missing', { real: without(whole.real, 2) }],
  ['brokenLinks', 'what is stored was changed', { real: spoil(whole.real, { data: {} }) }],
  ['brokenLinks', 'an entry is of another type', { simulated: spoil(whole.simulated, { type: 'Other' }) }],
  ['brokenLinks', 'a revision is left out', { real: spoil(whole.real, { revision: 7n }) }],
  ['invented', 'something was stored that nobody recorded', { recorded: 5 }],
])('counts under %s that %s', (name, _what, changed) => {
  expect(judge(changed)[name]).toBeGreaterThan(0);
});

it('counts what is not shown once, and what was confirmed and not recorded', () => {
  const ledger = new Ledger(':memory:');
  const ids = entries.real.map(({ id }) => id);
  ledger.remember(
    real,
    ids.map((id, n) => ({ id, acknowledged: true, written: `a@${n}` })),
  );
  for (const id of ids) ledger.store(real, id);
  for (const id of ids.slice(1)) ledger.show(real, id);
  expect(ledger.misshown([real])).toBe(1);
  ledger.show(real, ids[0] as string);
  expect(ledger.misshown([real])).toBe(0);
  ledger.show(real, ids[3] as string);
  expect(ledger.misshown([real])).toBe(1);
  ledger.confirm(real, ['a@0', 'a@9']);
  expect(ledger.unrecorded).toBe(1);
  ledger.close();
});
