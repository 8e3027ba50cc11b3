import { join } from 'node:path';
import { GENESIS_HASH, KEEP_ACKNOWLEDGED_MS, type SyncReply, syncRequest } from '@keyfleet/contracts';
import { verifyChain } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { TestClock, temporaryDirectory } from '@keyfleet/testing';
import { MemoryJournal } from '../simulator/memory-journal.js';
import { openSqlite } from '../storage/sqlite/open.js';
import type { Broker } from './broker.js';
import type { IdentityStore } from './identity/store.js';
import type { EntryBody } from './journal/entries.js';
import type { Journal } from './journal/journal.js';
import { sync } from './sync.js';

interface Opened {
  readonly journal: Journal;
  append(...bodies: EntryBody[]): Promise<unknown>;
  close(): Promise<void>;
}

const journals: [string, (clock: TestClock) => Opened][] = [
  [
    'in memory',
    () => {
      const journal = new MemoryJournal();
      return { journal, append: async (...bodies) => journal.append(...bodies), close: async () => {} };
    },
  ],
  [
    'in the vault',
    (clock) => {
      const { journal, storage } = openSqlite(join(temporaryDirectory('sync'), 'vault.db'), clock);
      return { journal, append: (...events) => storage.apply({ events }), close: () => storage.close() };
    },
  ],
];

const orgId = newId('org');
const agentId = newId('agt');
const prev = 'cd'.repeat(32);
const everything = { entries: 1_000, bytes: 1e9 };
const newEpoch = (rechainFrom: number | null): SyncReply => ({
  ...{ epoch: 2, watermark: { seq: 0, hash: prev }, prev, rechainFrom },
  ...{ acceptedEvents: {}, reconnectWindowMs: 5_000, trustBundle: [], commandKeys: [] },
});

describe.each(journals)('sync with a journal %s', (_, open) => {
  let clock: TestClock;
  let opened: Opened;

  beforeEach(() => {
    clock = new TestClock();
    opened = open(clock);
    opened.journal.identify({ orgId, agentId, epoch: 1, prev: GENESIS_HASH });
  });
  afterEach(() => opened.close());

  async function record(count: number): Promise<string[]> {
    const at = new Date(clock.now()).toISOString();
    const data = { path: 'a/b', version: 1, principal: 'app:x' };
    const made = Array.from({ length: count }, () => ({
      ...{ id: newId('evt'), type: 'SecretUpdated', v: 1, at, data },
    }));
    await opened.append(...made);
    return made.map(({ id }) => id);
  }

  /** Everything was sent, and is so long ago that nothing of it is kept. */
  async function idleForWeeks(): Promise<void> {
    await record(3);
    opened.journal.acknowledge(opened.journal.head());
    clock.advance(KEEP_ACKNOWLEDGED_MS + 1);
    opened.journal.prune(clock.now());
  }

  /** `meanwhile` happens while the question is under way. */
  async function ask(reply: SyncReply, meanwhile: () => Promise<unknown>) {
    const request: Broker['request'] = async (_kind, payload) => {
      syncRequest.parse(JSON.parse(payload));
      await meanwhile();
      return Buffer.from(JSON.stringify(reply));
    };
    const broker: Broker = { connected: true, publish: () => true, request };
    const store = { current: { agentId, orgId } } as unknown as IdentityStore;
    const bootId = '01932b1e-7c3a-7abc-8def-0123456789ab';
    return sync({ broker, journal: opened.journal, store, agentVersion: '1.0.0', bootId });
  }

  function pendingIds(): string[] {
    const entries = opened.journal.pending(everything);
    expect(entries.map(({ epoch, seq }) => [epoch, seq])).toEqual(entries.map((_one, n) => [2, n + 1]));
    expect(verifyChain(entries, { seq: 0, hash: prev }).intact).toBe(true);
    return entries.map(({ id }) => id);
  }

  it('repro-lost-while-syncing: what is recorded before a new epoch is heard of goes on in it', async () => {
    await idleForWeeks();
    const recorded: string[] = [];
    const outcome = await ask(newEpoch(null), async () => recorded.push(...(await record(2))));
    expect(outcome).toMatchObject({ kind: 'synced', sendAll: false });
    expect(pendingIds()).toEqual(recorded);
  });

  it('goes on in a new epoch with nothing where nothing was recorded since', async () => {
    await idleForWeeks();
    await ask(newEpoch(null), async () => {});
    expect(pendingIds()).toEqual([]);
    const recorded = await record(1);
    expect(pendingIds()).toEqual(recorded);
  });

  it('takes what it is told to take, and what was recorded since', async () => {
    const kept = await record(3);
    opened.journal.acknowledge(opened.journal.head());
    const recorded: string[] = [];
    await ask(newEpoch(2), async () => recorded.push(...(await record(1))));
    expect(pendingIds()).toEqual([...kept.slice(1), ...recorded]);
  });
});
