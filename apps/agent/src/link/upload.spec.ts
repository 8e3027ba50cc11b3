import {
  batchSigningInput,
  GENESIS_HASH,
  type JournalBatch,
  type JournalEntry,
  type JournalReply,
  journalBatch,
  journalReply,
  type SyncReply,
  syncReply,
  syncRequest,
} from '@keyfleet/contracts';
import { newNkeySeed, nkeySigner, verifyNkeySignature } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { MemoryJournal } from '../simulator/memory-journal.js';
import type { IdentityStore } from './identity/store.js';
import { pace } from './pace.js';
import { sync } from './sync.js';
import { Upload } from './upload.js';

const key = nkeySigner(newNkeySeed());
const orgId = newId('org');
const agentId = newId('agt');
const FORGED = 'f'.repeat(64);

type Script = (batch: JournalBatch) => JournalReply | Promise<JournalReply>;

let journal: MemoryJournal;
let batches: JournalBatch[];
let syncs: number;
let revoked: number;
let unknown = 0;
/** What it waited, or waits, in its own time. */
let waits: number[];
let answer: Script;
let syncAnswer: () => SyncReply;
let ending: AbortController;
let upload: Upload;

const entriesOf = (batch: JournalBatch) => batch.entries as JournalEntry[];
const lastOf = (batch: JournalBatch) => entriesOf(batch).at(-1) as JournalEntry;
const confirms: Script = (batch) => {
  const { epoch, seq, hash } = lastOf(batch);
  return { epoch, seq, hash };
};

/** Whatever the agent itself believes to be committed. */
function agrees(): SyncReply {
  const { epoch, seq, hash } = journal.acknowledged();
  return {
    ...{ epoch, watermark: { seq, hash }, prev: GENESIS_HASH, rechainFrom: null },
    acceptedEvents: { SecretUpdated: [1] },
    ...{ reconnectWindowMs: 5_000, trustBundle: [], commandKeys: [] },
  };
}

function record(count: number, v = 1): void {
  const data = { path: 'a/b', version: 1, principal: 'app:x' };
  const at = '2026-03-01T10:00:00.000Z';
  journal.append(
    ...Array.from({ length: count }, () => ({ id: newId('evt'), type: 'SecretUpdated', v, at, data })),
  );
}

beforeEach(() => {
  journal = new MemoryJournal();
  journal.identify({ orgId, agentId, epoch: 1, prev: GENESIS_HASH });
  batches = [];
  syncs = 0;
  revoked = 0;
  waits = [];
  answer = confirms;
  syncAnswer = agrees;
  ending = new AbortController();
});
afterEach(() => ending.abort());

async function request(kind: string, payload: string): Promise<Uint8Array> {
  if (kind === 'rpc.sync') {
    syncRequest.parse(JSON.parse(payload));
    syncs += 1;
    return Buffer.from(JSON.stringify(syncReply.parse(syncAnswer())));
  }
  const batch = journalBatch.parse(JSON.parse(payload));
  batches.push(batch);
  return Buffer.from(JSON.stringify(journalReply.parse(await answer(batch))));
}

function start(factor = 5_000): void {
  const broker = { connected: true, publish: () => true, request };
  const store = { key, current: { agentId, orgId }, announce: () => {} } as unknown as IdentityStore;
  const nothing = () => {};
  const { sleep, real } = pace(factor);
  const noted: typeof sleep = (ms, signal) => {
    waits.push(ms);
    return sleep(ms, signal);
  };
  upload = new Upload({
    ...{ journal, broker, store, pace: { sleep: noted, real }, random: Math.random },
    logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    sync: () =>
      sync({ broker, journal, store, agentVersion: '1.0.0', bootId: '01932b1e-7c3a-7abc-8def-0123456789ab' }),
    onSynced: nothing,
    onAcknowledged: nothing,
    onRevoked: () => {
      revoked += 1;
    },
    onUnknown: () => {
      unknown += 1;
    },
    quietMs: () => 0,
  });
  void upload.run(ending.signal);
}

const drained = () => waitFor(() => journal.acknowledged().seq === journal.head().seq, { what: 'the drain' });

describe('the upload', () => {
  it('syncs first, then drains in order, one signed batch after the other', async () => {
    record(250);
    let inFlight = 0;
    answer = async (batch) => {
      inFlight += 1;
      expect(inFlight).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      return confirms(batch);
    };
    start();
    await drained();
    expect(syncs).toBe(1);
    expect(batches.map(({ entries }) => entries.length)).toEqual([100, 100, 50]);
    expect(batches.flatMap(entriesOf).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 250 }, (_, n) => n + 1),
    );
    for (const batch of batches) {
      const { epoch, seq, hash } = lastOf(batch);
      const input = batchSigningInput({ agentId, epoch, seq, hash });
      expect(verifyNkeySignature(key.nkey, input, batch.signature)).toBe(true);
    }
  });

  it('goes on with what is recorded afterwards, several at a time', async () => {
    start(1);
    await waitFor(() => syncs === 1);
    record(3);
    record(4);
    await drained();
    expect(batches.map(({ entries }) => entries.length)).toEqual([7]);
  });

  it('S2: believes no watermark its own journal does not have', async () => {
    record(5);
    const lies: JournalReply[] = [
      { epoch: 1, seq: 5, hash: FORGED },
      { epoch: 1, seq: 99, hash: FORGED },
      { epoch: 2, seq: 5, hash: FORGED },
    ];
    answer = (batch) => lies.shift() ?? confirms(batch);
    const believed = jest.spyOn(journal, 'acknowledge');
    start();
    await drained();
    for (const { value } of believed.mock.results) expect(value).toBe(true);
    expect(batches).toHaveLength(4);
    expect(syncs).toBeGreaterThanOrEqual(3);
  });

  it('S2: follows no fork it could not have caused', async () => {
    record(5);
    const lies: JournalReply[] = [
      { forkedAt: 1, epoch: 1, prev: FORGED },
      { forkedAt: 7, epoch: 2, prev: FORGED },
    ];
    answer = (batch) => lies.shift() ?? confirms(batch);
    start();
    await drained();
    expect(journal.head()).toMatchObject({ epoch: 1, seq: 5 });
  });

  it('goes on in the new epoch a fork names, with the same ids', async () => {
    record(6);
    const fork = { forkedAt: 4, epoch: 2, prev: FORGED };
    answer = (batch) => (batch.epoch === 1 ? fork : confirms(batch));
    const ids = journal.pending({ entries: 100, bytes: 1e6 }).map(({ id }) => id);
    start();
    await waitFor(() => batches.length === 2);
    await drained();
    const [, second] = batches as [JournalBatch, JournalBatch];
    expect(entriesOf(second).map(({ id, seq }) => [id, seq])).toEqual(
      ids.slice(3).map((id, n) => [id, n + 1]),
    );
    expect(entriesOf(second)[0]?.prev).toBe(FORGED);
  });

  it('sends everything it keeps again where the control plane has another past than it', async () => {
    record(8);
    start();
    await drained();
    syncAnswer = () => ({ ...agrees(), watermark: { seq: 3, hash: FORGED } }) as SyncReply;
    batches = [];
    upload.reconnected();
    await waitFor(() => batches.length === 1);
    expect(entriesOf(batches[0] as JournalBatch).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('sends again from a lower watermark after the control plane was restored', async () => {
    record(8);
    start();
    await drained();
    const third = journal.pending({ entries: 1, bytes: 1e6 }, 2)[0] as JournalEntry;
    syncAnswer = () => ({ ...agrees(), watermark: { seq: 3, hash: third.hash } }) as SyncReply;
    batches = [];
    upload.reconnected();
    await waitFor(() => batches.length === 1 && journal.acknowledged().seq === 8);
    expect(entriesOf(batches[0] as JournalBatch).map(({ seq }) => seq)).toEqual([4, 5, 6, 7, 8]);
  });

  it('holds back versions the control plane does not know, and all that follow, until it does', async () => {
    record(2);
    record(1, 2);
    record(2);
    start(600_000);
    await waitFor(() => journal.acknowledged().seq === 2 && syncs > 2);
    expect(batches.flatMap(entriesOf).map(({ seq }) => seq)).toEqual([1, 2]);
    syncAnswer = () => ({ ...agrees(), acceptedEvents: { SecretUpdated: [1, 2] } }) as SyncReply;
    await drained();
    expect(batches.flatMap(entriesOf).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it('comes again when told to, or when nothing answered', async () => {
    record(3);
    const script: Script[] = [
      () => ({ retryAfterMs: 500 }),
      () => ({ code: 'store.unavailable' }),
      () => Promise.reject(new Error('timeout')),
      () => ({ code: 'resource.conflict' }),
      confirms,
    ];
    answer = (batch) => (script.shift() as Script)(batch);
    start();
    await drained();
    expect(script).toEqual([]);
  });

  it('sends less at a time where that is too much, down to one entry, and more again afterwards', async () => {
    record(130);
    answer = (batch) => {
      const bad = entriesOf(batch).some(({ seq }) => seq === 60) && batch.entries.length > 1;
      return bad ? { code: 'request.too-large' } : confirms(batch);
    };
    start();
    await drained();
    expect(Math.max(...batches.slice(-2).map(({ entries }) => entries.length))).toBeGreaterThan(30);
  });

  it('repro-unknown-after-restore: an agent that is not known introduces itself instead of waiting for ever', async () => {
    record(1);
    unknown = 0;
    answer = () => ({ code: 'agent.unknown' });
    // In real time, in which it would ask again only after minutes.
    start(1);
    await waitFor(() => unknown === 1);
    answer = confirms;
    // Taken back, it gets another certificate and with it a new connection.
    upload.reconnected();
    await drained();
    expect(unknown).toBe(1);
  });

  it('S4: a revoked agent says so, and asks again only rarely', async () => {
    record(1);
    answer = () => ({ code: 'agent.revoked' });
    start(5_000);
    await waitFor(() => waits.includes(3_600_000), { what: 'an hour of waiting' });
    expect([revoked, batches.length]).toEqual([1, 1]);
  });
});
