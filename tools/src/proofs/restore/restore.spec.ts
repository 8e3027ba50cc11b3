import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { readBackup } from '../../backup/read.js';
import { newKey, World } from '../../backup/testing/world.js';
import { seeded } from '../random.js';
import { damagesOf, place } from './damages.js';
import { isClean, judge, type Witness } from './judge.js';

const RESTORED = 1_000n;
const agentId = newId('agt');
const ids = Array.from({ length: 6 }, () => newId('evt'));
const hash = (n: number) => String(n).padStart(64, '0');

function recorded(stream: string, type: string, n: number, id: string = newId('evt')): RecordedEvent {
  const journal = { prev: hash(n), hash: hash(n + 1) };
  const metadata = { orgId: newId('org'), actor: agentId, at: '2026-01-01T00:00:00.000Z', journal };
  const position = String(n + 1);
  return {
    id,
    stream,
    type,
    v: 1,
    data: {},
    metadata,
    revision: BigInt(n),
    position,
    recordedAt: metadata.at,
  };
}

const entries = () => ids.map((id, n) => recorded(`journal-${agentId}.1`, 'SecretCreated', n, id));
const fact = (type: string) => recorded(`agent-${agentId}`, type, 0);
const witness = (changes: Partial<Witness> = {}): Witness => ({
  ...{ agentId, ids, gap: false, late: false, revoked: false },
  ...changes,
});
const found = (events: readonly RecordedEvent[], changes: Partial<Witness> = {}) =>
  judge([witness(changes)], events, RESTORED);

describe('the judge of proof:restore', () => {
  it('finds nothing where every entry is there once, in order', () => {
    expect(isClean(found(entries()))).toBe(true);
    const told = [...entries(), fact('JournalGapFound'), fact('AgentReadopted')];
    expect(isClean(found(told, { gap: true, late: true }))).toBe(true);
  });

  it.each<[string, (events: RecordedEvent[]) => RecordedEvent[], Partial<Witness>]>([
    ['lost', (events) => events.slice(0, -1), {}],
    ['duplicated', (events) => [...events, events[2] as RecordedEvent], {}],
    ['outOfOrder', ([a, b, ...rest]) => [b as RecordedEvent, a as RecordedEvent, ...rest], {}],
    ['brokenChains', (events) => events.filter((_, n) => n !== 3), { ids: ids.filter((_, n) => n !== 3) }],
    ['wrongGaps', (events) => [...events, fact('JournalGapFound')], {}],
    ['wrongGaps', (events) => events, { gap: true }],
    ['forks', (events) => [...events, fact('AgentJournalForked')], {}],
    ['notTakenBack', (events) => events, { late: true }],
    ['forgottenRevocations', (events) => events, { revoked: true }],
    [
      'heardRevoked',
      (events) => [...events.map((event) => ({ ...event, position: '2000' })), fact('AgentRevoked')],
      { revoked: true },
    ],
  ])('finds what is %s', (name, spoil, changes) => {
    expect(found(spoil(entries()), changes)).toMatchObject({ [name]: expect.any(Number) });
    expect(found(spoil(entries()), changes)[name as 'lost']).toBeGreaterThan(0);
  });
});

it('F30: each damage the proof plants is another file, and each is refused', async () => {
  const [world, key] = [await World.make(), await newKey()];
  world.write('authority/agents.nk', randomBytes(300_000).toString('base64'));
  const { output } = await world.backup({ lock: { recipients: [key.recipient] } });
  const file = join(temporaryDirectory('damages'), 'damaged.age');
  let tried = 0;
  for (const damage of damagesOf(output, seeded(7), 100)) {
    place(damage, file);
    tried += 1;
    await expect(readBackup({ file, key: { identities: [key.identity] } })).rejects.toMatchObject({
      code: 'restore.damaged',
    });
  }
  expect(tried).toBeGreaterThan(8);
  writeFileSync(file, '');
  await world.drop();
});
