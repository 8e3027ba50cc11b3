import { type JournalEntry, journalStream } from '@keyfleet/contracts';
import type { EventStore } from '@keyfleet/event-store';
import { ModelAgent } from './testing/model-agent.js';
import { type Plane, startPlane } from './testing/plane.js';

interface Fork {
  readonly forkedAt: number;
  readonly epoch: number;
  readonly prev: string;
}

let plane: Plane;
let agent: ModelAgent;

beforeEach(async () => {
  plane = startPlane();
  agent = await new ModelAgent().enrol(plane.store);
});
afterEach(() => expect(plane.errors).toEqual([]));

const send = (entries: readonly unknown[] = agent.entries) =>
  plane.ingest.handle(agent.subject, agent.batch(entries));
const idsIn = async (epoch: number) =>
  (await plane.store.readStream(journalStream(agent.agentId, epoch))).map(({ id }) => id);
const ids = (entries: readonly JournalEntry[]) => entries.map(({ id }) => id);
const facts = async () =>
  (await plane.store.readStream(`agent-${agent.agentId}`)).slice(1).map(({ type, data }) => ({ type, data }));

/** The disk is put back to when there were only `kept` entries; what was written since is written anew. */
function rollBack(kept: number, wroteSince: number): JournalEntry[] {
  agent.entries = agent.entries.slice(0, kept);
  return agent.recordMany(wroteSince);
}

describe('a rolled-back disk', () => {
  it('forks at the first entry that differs, and both pasts stay', async () => {
    const lost = agent.recordMany(6);
    await send();
    rollBack(3, 4);
    const fork = (await send()) as Fork;
    expect(fork).toEqual({ forkedAt: 4, epoch: 2, prev: lost[5]?.hash });
    expect(await facts()).toEqual([
      {
        type: 'AgentJournalForked',
        data: { agentId: agent.agentId, epoch: 1, forkedAt: 4, newEpoch: 2, prev: lost[5]?.hash },
      },
    ]);
    const before = ids(agent.entries.slice(3));
    agent.move(fork);
    expect(await send()).toMatchObject({ epoch: 2, seq: 4, hash: agent.entries[3]?.hash });
    expect(await idsIn(1)).toEqual(ids(lost));
    expect(await idsIn(2)).toEqual(before);
  });

  it('forks in the middle of a longer past, wherever the batch begins', async () => {
    agent.recordMany(9);
    await send();
    rollBack(5, 2);
    expect(await send(agent.entries.slice(2))).toMatchObject({ forkedAt: 6, epoch: 2 });
    expect(
      await plane.replica().ingest.handle(agent.subject, agent.batch(agent.entries.slice(5))),
    ).toMatchObject({
      forkedAt: 6,
      epoch: 2,
    });
  });

  it('whose fork was not heard of is told the same again, by every replica', async () => {
    agent.recordMany(4);
    await send();
    rollBack(2, 3);
    const fork = await send();
    expect(await send()).toEqual(fork);
    expect(await plane.replica().ingest.handle(agent.subject, agent.batch())).toEqual(fork);
    expect(await facts()).toHaveLength(1);
  });

  it('forks at a new entry that follows on nothing stored', async () => {
    agent.recordMany(4);
    await send();
    const [next] = rollBack(2, 3).slice(2);
    // Only the last one is sent: its place is free, what is before it is not what we have.
    expect(await send([next])).toMatchObject({ forkedAt: 5, epoch: 2 });
  });

  it('put back to before an earlier fork, finds its moved entries where they are, and none is stored twice', async () => {
    const lost = agent.recordMany(4);
    await send();
    const second = rollBack(2, 3);
    const image = { ...agent, entries: [...agent.entries], epoch: agent.epoch, prev: agent.prev };
    agent.move((await send()) as Fork);
    const more = agent.recordMany(2);
    await send();
    // Everything after the fork is forgotten, the fork itself too; two more are written on top of the old image.
    agent.epoch = image.epoch;
    agent.prev = image.prev;
    agent.entries = image.entries;
    const third = agent.recordMany(2);
    const fork = (await send()) as Fork;
    expect(fork).toMatchObject({ forkedAt: 6, epoch: 3 });
    agent.move(fork);
    await send();
    expect(await idsIn(1)).toEqual(ids(lost));
    expect(await idsIn(2)).toEqual(ids([...second, ...more]));
    expect(await idsIn(3)).toEqual(ids(third));
  });

  it('put back to before an earlier fork with nothing new, hears that everything is stored', async () => {
    agent.recordMany(4);
    await send();
    rollBack(2, 3);
    const image = { entries: [...agent.entries], epoch: agent.epoch, prev: agent.prev };
    agent.move((await send()) as Fork);
    await send();
    Object.assign(agent, image);
    const last = agent.entries.at(-1);
    expect(await send()).toEqual({ epoch: 1, seq: last?.seq, hash: last?.hash });
    expect(await facts()).toHaveLength(1);
  });

  it('repro-one-place-two-forks: F6: is not told of the fork another replica found at the same time on another image', async () => {
    const real = agent.recordMany(6);
    await send();
    const replica = plane.replica();
    // From here on it knows the agent as it is now, for half a second.
    await replica.ingest.handle(agent.subject, agent.batch());
    rollBack(4, 1);
    expect(await send()).toMatchObject({ forkedAt: 5, epoch: 2 });
    agent.entries = real.slice(0, 2);
    agent.recordMany(1);
    const further = { forkedAt: 3, epoch: 3 };
    expect(await replica.ingest.handle(agent.subject, agent.batch())).toMatchObject(further);
    expect(await send()).toMatchObject(further);
    expect(await facts()).toMatchObject([
      { data: { forkedAt: 5, newEpoch: 2 } },
      { data: { forkedAt: 3, newEpoch: 3 } },
    ]);
  });

  it('that keeps happening is slowed down', async () => {
    plane = startPlane({ movesPerHour: 2 });
    agent = await new ModelAgent().enrol(plane.store);
    agent.recordMany(1);
    await send();
    for (const epoch of [2, 3]) {
      rollBack(0, 1);
      const fork = (await send()) as Fork;
      expect(fork.epoch).toBe(epoch);
      agent.move(fork);
      await send();
    }
    rollBack(0, 1);
    expect(await send()).toEqual({ retryAfterMs: expect.any(Number) });
    plane.clock.advance(3_700_000);
    expect(await send()).toMatchObject({ epoch: 4 });
  });

  it('and did not hear of the last fork it may have is told it again', async () => {
    plane = startPlane({ movesPerHour: 1 });
    agent = await new ModelAgent().enrol(plane.store);
    agent.recordMany(1);
    await send();
    rollBack(0, 1);
    const fork = await send();
    expect(fork).toMatchObject({ epoch: 2 });
    expect(await send()).toEqual(fork);
  });
});

describe('a replica that is held up between comparing and appending', () => {
  /** Another process on the same store, whose appends to such a stream wait until they are let go. */
  function heldUp(isHeld: (stream: string) => boolean) {
    const { store } = plane;
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const appendBatch: EventStore['appendBatch'] = async (appends) => {
      if (appends.some(({ stream }) => isHeld(stream))) {
        reached.resolve();
        await goOn.promise;
      }
      return store.appendBatch(appends);
    };
    const slow = new Proxy(store, {
      get: (_, name) => {
        const own: unknown = Reflect.get(store, name);
        if (name === 'appendBatch') return appendBatch;
        return typeof own === 'function' ? own.bind(store) : own;
      },
    });
    const { ingest } = startPlane({ store: slow });
    return { ingest, reached: reached.promise, goOn: goOn.resolve };
  }

  /** In epoch 2 with one of three entries stored; `image` is the disk from before it heard of epoch 2. */
  async function forkedOnce() {
    agent.recordMany(4);
    await send();
    rollBack(2, 3);
    const image = { epoch: agent.epoch, prev: agent.prev, entries: [...agent.entries] };
    agent.move((await send()) as Fork);
    await send(agent.entries.slice(0, 1));
    return image;
  }

  async function sendUntilStored(): Promise<void> {
    for (let reply = await send(); !('hash' in reply); reply = await send())
      if ('forkedAt' in reply) agent.move(reply);
  }

  async function expectAllOnce(): Promise<void> {
    const { events } = await plane.store.readAll({ filter: { categories: ['journal'] } });
    const found = events.map(({ id }) => id);
    expect(found).toHaveLength(new Set(found).size);
    expect(found).toEqual(expect.arrayContaining(ids(agent.entries)));
  }

  it('F6: appends nothing into an epoch that ended meanwhile: its entries may have moved', async () => {
    const image = await forkedOnce();
    const slow = heldUp((stream) => stream.startsWith('journal-'));
    const late = slow.ingest.handle(agent.subject, agent.batch(agent.entries.slice(1)));
    await slow.reached;
    Object.assign(agent, image);
    await sendUntilStored();
    slow.goOn();
    expect(await late).not.toHaveProperty('hash');
    await expectAllOnce();
    agent.recordMany(1);
    await sendUntilStored();
    await expectAllOnce();
  });

  it('F6: begins no epoch with entries that were appended since it looked for them', async () => {
    const image = await forkedOnce();
    const moved = agent.batch(agent.entries.slice(1));
    Object.assign(agent, image);
    const slow = heldUp((stream) => stream.startsWith('agent-'));
    const late = slow.ingest.handle(agent.subject, agent.batch());
    await slow.reached;
    expect(await plane.ingest.handle(agent.subject, moved)).toMatchObject({ epoch: 2, seq: 3 });
    slow.goOn();
    expect(await late).toEqual({ epoch: 1, seq: 5, hash: agent.entries.at(-1)?.hash });
    await expectAllOnce();
  });
});

it('F6: two agents with one identity both keep every entry', async () => {
  agent.recordMany(2);
  await send();
  const twins = [agent.entries, agent.entries].map((entries) =>
    Object.assign(Object.create(Object.getPrototypeOf(agent) as object) as ModelAgent, agent, {
      entries: [...entries],
    }),
  );
  const told: string[] = ids(agent.entries);
  // Both have the key and the identity of the first.
  const speak = async (twin: { entries: JournalEntry[]; epoch: number; prev: string }) => {
    Object.assign(agent, { entries: twin.entries, epoch: twin.epoch, prev: twin.prev });
    told.push(...ids(agent.recordMany(1)));
    for (let reply = await send(); 'forkedAt' in reply; reply = await send()) agent.move(reply);
    Object.assign(twin, { entries: agent.entries, epoch: agent.epoch, prev: agent.prev });
  };
  for (let round = 0; round < 4; round += 1) for (const twin of twins) await speak(twin);
  const all = await plane.store.readAll({ filter: { categories: ['journal'] } });
  expect(all.events.map(({ id }) => id).sort()).toEqual(told.sort());
});
