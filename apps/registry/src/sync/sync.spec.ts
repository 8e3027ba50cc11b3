import { GENESIS_HASH, journalStream, type SyncReply, syncReply } from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import type { EventStore } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { ModelAgent } from '../ingest/testing/model-agent.js';
import { type Plane, startPlane, TRUST } from '../ingest/testing/plane.js';
import { reconnectWindowMs } from './sync.js';

type Place = Extract<SyncReply, { watermark: unknown }>;

let plane: Plane;
let agent: ModelAgent;

beforeEach(async () => {
  plane = startPlane();
  agent = await new ModelAgent().enrol(plane.store);
});
afterEach(() => expect(plane.errors).toEqual([]));

function headOf({ entries, epoch, prev }: ModelAgent) {
  const newest = entries.at(-1);
  return newest ? { epoch, seq: newest.seq, hash: newest.hash } : { epoch, seq: 0, hash: prev };
}

function ask(changes: Record<string, unknown> = {}, subject = agentSubject(agent, 'rpc.sync')) {
  const oldest = agent.entries[0];
  const request = {
    v: 1,
    agentId: agent.agentId,
    bootId: '01932b1e-7c3a-7abc-8def-0123456789ab',
    agentVersion: '1.0.0',
    head: headOf(agent),
    oldestSeq: oldest?.seq ?? null,
    oldestPrev: oldest?.prev ?? null,
    ...changes,
  };
  return plane.sync.handle(subject, Buffer.from(JSON.stringify(request)));
}

const send = (entries: readonly unknown[] = agent.entries) =>
  plane.ingest.handle(agent.subject, agent.batch(entries));
const facts = async () =>
  (await plane.store.readStream(`agent-${agent.agentId}`)).slice(1).map(({ type, data }) => ({ type, data }));

/** A store as it was when only these events were in it. */
async function restored(keep: (stream: string, revision: bigint) => boolean): Promise<EventStore> {
  const copy = createInMemoryEventStore({ clock: new TestClock() });
  const { events } = await plane.store.readAll({ limit: 10_000 });
  for (const { stream, revision, id, type, v, data, metadata } of events)
    if (keep(stream, revision))
      await copy.append(stream, revision === 0n ? 'no-stream' : revision - 1n, [
        { id, type, v, data, metadata },
      ]);
  return copy;
}

describe('sync', () => {
  it('names what is committed, what may be sent, how to come back and whom to believe', async () => {
    const entries = agent.recordMany(5);
    await send(entries.slice(0, 3));
    const reply = syncReply.parse(await ask());
    expect(reply).toMatchObject({
      ...{ epoch: 1, prev: GENESIS_HASH, rechainFrom: null, reconnectWindowMs: 5_000 },
      watermark: { seq: 3, hash: entries[2]?.hash },
      acceptedEvents: { SecretCreated: [1], UsageReported: [1] },
      ...TRUST,
    });
    expect(reply).not.toHaveProperty('acceptedEvents.AgentEventRefused');
  });

  it('of an agent that never sent anything begins at the beginning', async () => {
    expect(await ask()).toMatchObject({
      epoch: 1,
      watermark: { seq: 0, hash: GENESIS_HASH },
      rechainFrom: null,
    });
  });

  it('of an agent the store has more of names its own watermark; ingest finds where they part', async () => {
    const entries = agent.recordMany(5);
    await send();
    agent.entries = entries.slice(0, 2);
    expect(await ask()).toMatchObject({ epoch: 1, watermark: { seq: 5, hash: entries[4]?.hash } });
    expect(await facts()).toEqual([]);
  });

  it('S2: answers nobody but the agent itself', async () => {
    const { orgId, agentId } = agent;
    const stranger = new ModelAgent();
    expect(await ask({}, agentSubject({ orgId: newId('org'), agentId }, 'rpc.sync'))).toEqual({
      code: 'agent.unknown',
    });
    expect(await ask({ agentId: stranger.agentId })).toEqual({ code: 'request.invalid' });
    expect(await ask({}, agentSubject({ orgId, agentId }, 'ev'))).toEqual({ code: 'request.invalid' });
    expect(await ask({ agentId: stranger.agentId }, agentSubject(stranger, 'rpc.sync'))).toEqual({
      code: 'agent.unknown',
    });
  });

  it('F14: keeps of what it cannot read its size and hash, and answers', async () => {
    expect(await ask({ hunter2: 1 })).toEqual({ code: 'request.invalid' });
    expect(plane.quarantine.kept).toMatchObject([{ reason: 'schema', pointers: ['/#7'] }]);
  });

  it('leaves a fork that was not heard of to ingest, which sees the entries: it repeats it', async () => {
    agent.recordMany(4);
    await send();
    const { 3: last } = agent.entries;
    agent.entries = agent.entries.slice(0, 2);
    const [third] = agent.recordMany(1);
    const fork = await send();
    expect(fork).toMatchObject({ forkedAt: 3, epoch: 2 });
    const former = { epoch: 1, watermark: { seq: 4, hash: last?.hash }, rechainFrom: null };
    expect(await ask()).toMatchObject(former);
    expect(await send()).toEqual(fork);
    // A twin that keeps the stored third entry asks the very same, but for its hash.
    expect(await ask({ oldestSeq: 3, oldestPrev: third?.prev })).toMatchObject(former);
    expect(await send([third])).toEqual(fork);
    expect(await facts()).toHaveLength(1);
  });
});

describe('after the control plane was restored', () => {
  async function restore(keep: (stream: string, revision: bigint) => boolean): Promise<void> {
    plane = startPlane({ store: await restored(keep) });
  }
  const journal = (epoch: number) => journalStream(agent.agentId, epoch);

  it('sync names the lower watermark, and what the agent still has is stored once more', async () => {
    const entries = agent.recordMany(8);
    await send();
    await restore((stream, revision) => stream !== journal(1) || revision < 5n);
    expect(await ask()).toMatchObject({ epoch: 1, watermark: { seq: 5, hash: entries[4]?.hash } });
    await send(entries.slice(5));
    expect((await plane.store.readStream(journal(1))).map(({ id }) => id)).toEqual(
      entries.map(({ id }) => id),
    );
    expect(await facts()).toEqual([]);
  });

  it('what no agent has any more is one gap, and the journal goes on', async () => {
    const entries = agent.recordMany(8);
    await send();
    await restore((stream, revision) => stream !== journal(1) || revision < 3n);
    agent.entries = entries.slice(5);
    const place = (await ask()) as Place;
    const prev = entries[2]?.hash;
    expect(place).toMatchObject({ epoch: 2, prev, rechainFrom: 6, watermark: { seq: 0, hash: prev } });
    const { agentId } = agent;
    const told = [
      { type: 'JournalGapFound', data: { agentId, epoch: 1, from: 4, to: 5, newEpoch: 2 } },
      { type: 'AgentEpochStarted', data: { agentId, epoch: 2, prev } },
    ];
    expect(await facts()).toEqual(told);
    // The answer was lost: nothing new is found.
    expect(await ask()).toEqual(place);
    expect(await facts()).toEqual(told);
    agent.move({ forkedAt: 6, epoch: 2, prev: place.prev });
    expect(await send()).toMatchObject({ epoch: 2, seq: 3 });
  });

  it('what was dropped since a gap was not heard of is another one', async () => {
    const entries = agent.recordMany(8);
    await send();
    await restore((stream, revision) => stream !== journal(1) || revision < 3n);
    agent.entries = entries.slice(5);
    expect(await ask()).toMatchObject({ epoch: 2, rechainFrom: 6 });
    agent.entries = entries.slice(6);
    const place = (await ask()) as Place;
    expect(place).toMatchObject({ epoch: 3, rechainFrom: 7, watermark: { seq: 0, hash: entries[2]?.hash } });
    expect((await facts())[2]).toMatchObject({ data: { epoch: 1, from: 6, to: 6, newEpoch: 3 } });
    agent.move({ forkedAt: 7, epoch: 3, prev: place.prev });
    expect(await send()).toMatchObject({ epoch: 3, seq: 2 });
  });

  it('an agent that has nothing left to send again goes on in a new epoch', async () => {
    const entries = agent.recordMany(3);
    await send();
    await restore((stream) => stream !== journal(1));
    agent.entries = [];
    const head = { epoch: 1, seq: 3, hash: entries[2]?.hash };
    const place = (await ask({ head })) as Place;
    expect(place).toMatchObject({ epoch: 2, prev: GENESIS_HASH });
    const told = await facts();
    expect(told).toMatchObject([{ data: { from: 1, to: 3 } }, { type: 'AgentEpochStarted' }]);
    // The answer was lost: nothing new is found.
    expect(await ask({ head })).toEqual(place);
    expect(await facts()).toEqual(told);
  });

  it('repro-lost-while-syncing: what an agent records while it asks moves with it, also where it keeps nothing else', async () => {
    const entries = agent.recordMany(3);
    await send();
    await restore((stream) => stream !== journal(1));
    const { seq, hash } = entries[2] as (typeof entries)[number];
    const place = (await ask({ head: { epoch: 1, seq, hash }, oldestSeq: null, oldestPrev: null })) as Place;
    expect(place).toMatchObject({ epoch: 2, rechainFrom: 4 });
    const [meanwhile] = agent.recordMany(1);
    agent.entries = agent.entries.slice(3);
    // The answer was lost: the next question tells of what was recorded since, and the answer is the same.
    expect(await ask()).toEqual(place);
    agent.move({ forkedAt: place.rechainFrom as number, epoch: 2, prev: place.prev });
    expect(await send()).toMatchObject({ epoch: 2, seq: 1 });
    expect((await plane.store.readStream(journal(2))).map(({ id }) => id)).toEqual([meanwhile?.id]);
    expect(await facts()).toHaveLength(2);
  });

  async function forkOnce(): Promise<void> {
    agent.recordMany(4);
    await send();
    agent.entries = agent.entries.slice(0, 3);
    agent.recordMany(2);
    const fork = await send();
    if (!('forkedAt' in fork)) throw new Error('no fork');
    agent.move(fork);
    await send();
  }

  it('an epoch that was forgotten is taken up where nothing is missing before it', async () => {
    await forkOnce();
    await restore(
      (stream, revision) => stream !== journal(2) && (stream !== `agent-${agent.agentId}` || revision < 1n),
    );
    expect(await ask()).toMatchObject({
      epoch: 2,
      prev: agent.prev,
      rechainFrom: null,
      watermark: { seq: 0 },
    });
    expect(await facts()).toEqual([
      { type: 'AgentEpochStarted', data: { agentId: agent.agentId, epoch: 2, prev: agent.prev } },
    ]);
    expect(await send()).toMatchObject({ epoch: 2, seq: 2 });
  });

  it('an epoch that was forgotten together with what came before it leaves one gap', async () => {
    await forkOnce();
    await restore((stream, revision) => stream !== journal(2) && revision < 1n);
    const place = (await ask()) as Place;
    expect(place).toMatchObject({ epoch: 3, rechainFrom: 1 });
    expect(await facts()).toMatchObject([{ type: 'JournalGapFound' }, { type: 'AgentEpochStarted' }]);
    expect(await ask()).toEqual(place);
    agent.move({ forkedAt: 1, epoch: 3, prev: place.prev });
    expect(await send()).toMatchObject({ epoch: 3, seq: 2 });
  });
});

it('F7: the reconnect window grows with the fleet, within 5 s and 2 min', () => {
  expect([0, 1_000, 4_000, 10_000, 1_000_000].map(reconnectWindowMs)).toEqual([
    5_000, 5_000, 20_000, 50_000, 120_000,
  ]);
});
