import { GENESIS_HASH, type JournalEntry, journalStream } from '@keyfleet/contracts';
import { chainEntry } from '@keyfleet/crypto';
import type { RecordedEvent } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';
import { type AgentHistory, isClean, judge, type Verdict } from './history.js';

const orgId = newId('org');
const agentId = newId('agt');

function journal(count: number): JournalEntry[] {
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

const stored = ({ id, type, v, data, at, prev, hash, seq, epoch }: JournalEntry): RecordedEvent => ({
  ...{ id, type, v, data, stream: journalStream(agentId, epoch), revision: BigInt(seq - 1) },
  ...{
    position: String(seq),
    recordedAt: at,
    metadata: { orgId, actor: agentId, at, journal: { prev, hash } },
  },
});

function history(): AgentHistory {
  const recorded = journal(6);
  return {
    recorded,
    pending: 0,
    stored: recorded.map(stored),
    shown: recorded.map(({ id }) => id),
    confirmed: recorded.map(({ data }) => `${data['path']}@${data['version']}`),
  };
}

it('finds nothing wrong with a history that is whole', () => {
  expect(isClean(judge(history()))).toBe(true);
});

it('waits for nothing that came when the agent was being stopped', () => {
  const whole = history();
  const late = { stored: whole.stored.slice(0, -1), shown: whole.shown.slice(0, -1) };
  expect(isClean(judge({ ...whole, ...late, pending: 1 }))).toBe(true);
});

const swap = <T>([a, b, ...rest]: readonly T[]) => [b, a, ...rest] as T[];
const without = <T>(list: readonly T[], at: number) => list.filter((_, index) => index !== at);
const spoil = (list: readonly RecordedEvent[], change: object) =>
  list.map((event, index) => (index === 2 ? { ...event, ...change } : event));

it.each<[keyof Verdict, string, (whole: AgentHistory) => Partial<AgentHistory>]>([
  ['lost', 'an entry is missing in the store', (whole) => ({ stored: whole.stored.slice(0, -1) })],
  [
    'duplicated',
    'an entry is there twice',
    (whole) => ({ stored: [...whole.stored, ...whole.stored.slice(-1)] }),
  ],
  ['reordered', 'two entries changed places', (whole) => ({ stored: swap(whole.stored) })],
  ['brokenLinks', 'an entry in the middle is missing', (whole) => ({ stored: without(whole.stored, 2) })],
  ['brokenLinks', 'what is stored was changed', (whole) => ({ stored: spoil(whole.stored, { data: {} }) })],
  [
    'brokenLinks',
    'an entry has another time',
    (whole) => ({ stored: spoil(whole.stored, { type: 'SecretCreated' }) }),
  ],
  [
    'invented',
    'something was stored that nobody recorded',
    (whole) => ({ recorded: whole.recorded.slice(0, -1) }),
  ],
  ['misshown', 'an event is not shown', (whole) => ({ shown: whole.shown.slice(1) })],
  [
    'misshown',
    'an event is shown twice',
    (whole) => ({ shown: [...whole.shown, ...whole.shown.slice(0, 1)] }),
  ],
  ['unrecorded', 'a confirmed write is not in the journal', () => ({ confirmed: ['a/b@99'] })],
])('counts under %s that %s', (name, _what, change) => {
  const whole = history();
  expect(judge({ ...whole, ...change(whole) })[name]).toBeGreaterThan(0);
});
