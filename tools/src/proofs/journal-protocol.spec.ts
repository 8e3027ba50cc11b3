import { join } from 'node:path';
import { setTimeout as delay, setImmediate as soon } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { batchSigningInput, GENESIS_HASH, type JournalEntry, journalStream } from '@keyfleet/contracts';
import { AgentEnrolled, make } from '@keyfleet/contracts/events';
import { agentSubject } from '@keyfleet/contracts/messages';
import { canonicalEntry, newNkeySeed, nkeySigner, sha256Hex } from '@keyfleet/crypto';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId, systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import fc from 'fast-check';

/**
 * Both ends of the journal protocol as they are, the agent's upload against the registry's ingest and sync, with
 * nothing between them but a line that loses, repeats and delays. No app may import another and tools may import none:
 * this test stands between the two and loads each by its file.
 */
const file = (path: string) => join(fileURLToPath(new URL('../../../', import.meta.url)), path);

interface Position {
  readonly epoch: number;
  readonly seq: number;
  readonly hash: string;
}

interface Journal {
  append(...bodies: readonly object[]): void;
  head(): Position;
  acknowledged(): Position;
  pending(limit: { entries: number; bytes: number }, after?: number): JournalEntry[];
  identify(identity: object): void;
  prune(): void;
  image(): unknown;
  putBack(image: unknown): void;
}

interface Agent {
  readonly MemoryJournal: new () => Journal;
  readonly Upload: new (options: object) => { run(signal: AbortSignal): Promise<void>; reconnected(): void };
  sync(options: object): Promise<unknown>;
  pace(factor: number): unknown;
}

interface End {
  handle(subject: string, bytes: Uint8Array): Promise<object>;
}

interface Ends {
  readonly ingest: End;
  readonly sync: End;
}

interface Plane {
  startPlane(options: { store: EventStore; movesPerHour: number }): Ends & {
    readonly errors: unknown[];
    readonly quarantine: { readonly kept: unknown[] };
    replica(): Ends;
  };
}

let agentEnd: Agent;
let planeEnd: Plane;

beforeAll(async () => {
  const load = (path: string) => import(file(path)) as Promise<object>;
  agentEnd = Object.assign(
    {},
    await load('apps/agent/src/link/upload.ts'),
    await load('apps/agent/src/link/sync.ts'),
    await load('apps/agent/src/link/pace.ts'),
    await load('apps/agent/src/simulator/memory-journal.ts'),
  ) as Agent;
  planeEnd = (await load('apps/registry/src/ingest/testing/plane.ts')) as Plane;
});

/** What happens to the two of them, step by step. */
type Step =
  | { readonly do: 'append'; readonly entries: number }
  /** The next messages: lost on the way, answered into the void, or delivered twice. */
  | { readonly do: 'lose-request' | 'lose-answer' | 'repeat'; readonly times: number }
  | { readonly do: 'kill-agent' | 'kill-registry' | 'lose-commit-answer' | 'settle' }
  /** The disk of the agent is put back to an earlier image. */
  | { readonly do: 'image' | 'roll-back' | 'prune' }
  /** The control plane is restored from a backup that has this share of its events. */
  | { readonly do: 'restore'; readonly share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('append' as const), entries: fc.integer({ min: 1, max: 150 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('lose-request' as const, 'lose-answer' as const, 'repeat' as const),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('kill-agent', 'kill-registry', 'lose-commit-answer', 'settle'),
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('image', 'roll-back', 'prune') }) as fc.Arbitrary<Step>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restore' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

/** A store with a mistake in it, to see that the check would find one. */
type Plant = (store: EventStore) => Pick<EventStore, 'appendBatch'>;

class World {
  readonly orgId = newId('org');
  readonly agentId = newId('agt');
  readonly key = nkeySigner(newNkeySeed());
  #memory = createInMemoryEventStore({ clock: systemClock });
  readonly store: EventStore;
  readonly plane: ReturnType<Plane['startPlane']>;
  readonly journal: Journal = new agentEnd.MemoryJournal();
  /** Every entry the agent ever recorded, also those a rolled-back disk forgot. */
  readonly recorded: string[] = [];
  /** Entries the disk forgot before the control plane had them: nobody can bring them back. */
  readonly forgotten = new Set<string>();
  readonly line = { 'lose-request': 0, 'lose-answer': 0, repeat: 0 };
  #loseCommitAnswers = 0;
  #syncs = 0;
  #ends: ReturnType<World['plane']['replica']>;
  #life: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #image: unknown;

  constructor(plant: Plant = (store) => store) {
    this.store = this.#forgetfulStore(plant);
    this.plane = planeEnd.startPlane({ store: this.store, movesPerHour: Number.POSITIVE_INFINITY });
    this.#ends = this.plane.replica();
  }

  async enrol(): Promise<void> {
    const { agentId, orgId } = this;
    const at = new Date(0).toISOString();
    const fact = make(AgentEnrolled, {
      ...{ agentId, name: 'site', nkey: this.key.nkey, labels: {}, version: '1.0.0', serial: '1' },
      ...{ tokenId: newId('etk'), certificateExpiresAt: at },
    });
    const metadata = { orgId, actor: agentId, at };
    await this.store.append(`agent-${agentId}`, 'no-stream', [{ ...fact, id: newId('evt'), metadata }]);
    this.journal.identify({ orgId, agentId, epoch: 1, prev: GENESIS_HASH });
    this.#image = this.journal.image();
    this.startAgent();
  }

  /** Commits, and now and then dies before it says so. */
  #forgetfulStore(plant: Plant): EventStore {
    const appendBatch: EventStore['appendBatch'] = async (appends) => {
      const results = await plant(this.#memory).appendBatch(appends);
      if (this.#loseCommitAnswers === 0) return results;
      this.#loseCommitAnswers -= 1;
      throw new KeyfleetError('store.unavailable');
    };
    return new Proxy({} as EventStore, {
      get: (_, name) =>
        name === 'appendBatch'
          ? appendBatch
          : (Reflect.get(this.#memory, name) as () => unknown).bind(this.#memory),
    });
  }

  startAgent(): void {
    const life = new AbortController();
    const { journal, key, agentId, orgId } = this;
    const pace = agentEnd.pace(20_000);
    const broker = {
      connected: true,
      publish: () => true,
      request: (kind: string, payload: string) => this.#carry(kind as 'ev', payload, life.signal),
    };
    const store = { key, current: { agentId, orgId }, announce: () => {} };
    const nothing = () => {};
    const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
    const about = { agentVersion: '1.0.0', bootId: '01932b1e-7c3a-7abc-8def-0123456789ab' };
    const upload = new agentEnd.Upload({
      ...{
        journal,
        broker,
        pace,
        random: Math.random,
        logger,
        onSynced: nothing,
        onAcknowledged: nothing,
        onRevoked: nothing,
        quietMs: () => 0,
      },
      store,
      sync: () => agentEnd.sync({ ...about, broker, journal, store }),
    });
    this.#life = life;
    this.#running = upload.run(life.signal);
    upload.reconnected();
  }

  async #carry(kind: 'ev' | 'rpc.sync', payload: string, signal: AbortSignal): Promise<Uint8Array> {
    const lost = () => new Error('timeout');
    await soon();
    if (signal.aborted || this.#take('lose-request')) throw lost();
    const subject = agentSubject(this, kind);
    const { ingest, sync } = this.#ends;
    const ask = () =>
      kind === 'ev'
        ? ingest.handle(subject, Buffer.from(payload))
        : sync.handle(subject, Buffer.from(payload));
    const answers = this.#take('repeat') ? await Promise.all([ask(), ask()]) : [await ask()];
    if (signal.aborted || this.#take('lose-answer')) throw lost();
    if (kind === 'rpc.sync') setImmediate(() => setImmediate(() => (this.#syncs += 1)));
    return Buffer.from(JSON.stringify(answers.at(-1)));
  }

  #take(name: keyof World['line']): boolean {
    if (this.line[name] === 0) return false;
    this.line[name] -= 1;
    return true;
  }

  async reconnect(): Promise<void> {
    await this.killAgent();
    const before = this.#syncs;
    this.startAgent();
    await waitFor(() => this.#syncs > before, { what: 'a sync' });
  }

  /** What is to be sent, as somebody sends it who is gone before the answer comes. */
  sendUnheard(): Promise<object> {
    const { agentId, plane, key } = this;
    const entries = this.journal.pending({ entries: 100, bytes: 1e6 });
    const { epoch, seq, hash } = entries.at(-1) as JournalEntry;
    const signature = key.sign(batchSigningInput({ agentId, epoch, seq, hash }));
    const batch = { v: 1, agentId, epoch, entries, signature };
    return plane.ingest.handle(agentSubject(this, 'ev'), Buffer.from(JSON.stringify(batch)));
  }

  async killAgent(): Promise<void> {
    this.#life?.abort();
    await this.#running;
  }

  append(entries: number): void {
    const data = { path: 'a/b', version: 1, principal: 'app:x' };
    const at = '2026-03-01T10:00:00.000Z';
    const added = Array.from({ length: entries }, () => ({
      id: newId('evt'),
      type: 'SecretUpdated',
      v: 1,
      at,
      data,
    }));
    this.journal.append(...added);
    this.recorded.push(...added.map(({ id }) => id));
  }

  async perform(action: Step): Promise<void> {
    switch (action.do) {
      case 'append':
        return this.append(action.entries);
      case 'kill-agent':
        await this.killAgent();
        return this.startAgent();
      case 'kill-registry':
        this.#ends = this.plane.replica();
        return;
      case 'lose-commit-answer':
        this.#loseCommitAnswers += 1;
        return;
      case 'settle':
        return this.settle();
      case 'image':
        this.#image = this.journal.image();
        return;
      case 'prune':
        return this.#prune();
      case 'roll-back':
        return this.#rollBack();
      case 'restore':
        return this.#restore(action.share);
      default:
        this.line[action.do] += action.times;
    }
  }

  /** After a restore the agent has not heard of, the last copy may go. */
  async #prune(): Promise<void> {
    const { events } = await this.#memory.readAll({ limit: 1_000_000 });
    const stored = new Set(events.map(({ id }) => id));
    const had = this.#kept();
    this.journal.prune();
    const has = new Set(this.#kept());
    for (const id of had) if (!has.has(id) && !stored.has(id)) this.forgotten.add(id);
  }

  async #rollBack(): Promise<void> {
    await this.killAgent();
    const had = new Set(this.#kept());
    this.journal.putBack(this.#image);
    const has = new Set(this.#kept());
    for (const id of had) if (!has.has(id)) this.forgotten.add(id);
    this.startAgent();
  }

  async #restore(share: number): Promise<void> {
    const copy = createInMemoryEventStore({ clock: systemClock });
    const { events } = await this.#memory.readAll({ limit: 1_000_000 });
    const cut = Math.max(Math.floor(events.length * share), 1);
    for (const { stream, revision, id, type, v, data, metadata } of events.slice(0, cut))
      await copy.append(stream, revision === 0n ? 'no-stream' : revision - 1n, [
        { id, type, v, data, metadata },
      ]);
    this.#memory = copy;
    this.#ends = this.plane.replica();
    const kept = new Set(this.#kept());
    for (const { id, stream } of events.slice(cut))
      if (stream.startsWith('journal-') && !kept.has(id)) this.forgotten.add(id);
  }

  #kept(): string[] {
    return this.journal.pending({ entries: 1e6, bytes: 1e12 }, 0).map(({ id }) => id);
  }

  /** Until everything was acknowledged. */
  async settle(): Promise<void> {
    Object.assign(this.line, { 'lose-request': 0, 'lose-answer': 0, repeat: 0 });
    this.#loseCommitAnswers = 0;
    await waitFor(() => this.journal.head().seq === this.journal.acknowledged().seq, { what: 'the drain' });
  }

  async epochs(): Promise<(readonly RecordedEvent[])[]> {
    const found: (readonly RecordedEvent[])[] = [];
    const { epoch } = this.journal.head();
    for (let n = 1; n <= epoch; n += 1)
      found.push(await this.store.readStream(journalStream(this.agentId, n)));
    return found;
  }

  /** What the proof is about. */
  async check(): Promise<void> {
    const epochs = await this.epochs();
    const stored = epochs.flat().map(({ id }) => id);
    expect(new Set(stored).size).toBe(stored.length);
    const known = new Set(stored);
    expect(this.recorded.filter((id) => !known.has(id) && !this.forgotten.has(id))).toEqual([]);
    const hashes = new Set([GENESIS_HASH]);
    for (const events of epochs) this.#checkEpoch(events, hashes);
    expect(this.plane.errors).toEqual([]);
    expect(this.plane.quarantine.kept).toEqual([]);
  }

  #checkEpoch(events: readonly RecordedEvent[], hashes: Set<string>): void {
    let before: string | undefined;
    const order = events.map(({ id }) => this.recorded.indexOf(id));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    for (const [index, event] of events.entries()) {
      const { prev, hash } = event.metadata.journal ?? { prev: '', hash: '' };
      if (before === undefined) expect(hashes).toContain(prev);
      else expect(prev).toBe(before);
      expect(sha256Hex(canonicalEntry(entryOf(event, index + 1, prev)))).toBe(hash);
      hashes.add(hash);
      before = hash;
    }
  }
}

function entryOf(event: RecordedEvent, seq: number, prev: string): Omit<JournalEntry, 'hash'> {
  const { id, type, v, metadata, stream } = event;
  const [, agentId = '', epoch] = /^journal-(.*)\.(\d+)$/.exec(stream) ?? [];
  const data = event.data as JournalEntry['data'];
  return {
    id,
    orgId: metadata.orgId ?? '',
    agentId,
    epoch: Number(epoch),
    seq,
    type,
    v,
    at: metadata.at,
    data,
    prev,
  };
}

async function live(steps: readonly Step[], plant?: Plant): Promise<World> {
  const world = new World(plant);
  await world.enrol();
  for (const action of steps) {
    await world.perform(action);
    // Long enough for a few messages to meet what was prepared for them, or for none.
    await delay(Math.random() * 6);
  }
  await world.settle();
  // A plane that was restored unnoticed is noticed by the next sync, at the latest.
  await world.reconnect();
  await world.settle();
  await world.killAgent();
  await world.check();
  return world;
}

describe('the two ends of the journal protocol', () => {
  it('F9, F10, F12: lose no entry, store none twice, keep order and chain, whatever dies or gets lost in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await live(steps);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('drain a long backlog in order', async () => {
    const world = await live([{ do: 'append', entries: 5_000 }]);
    expect((await world.epochs())[0]).toHaveLength(5_000);
  });

  it('keep both pasts of a rolled-back disk', async () => {
    const world = await live([
      { do: 'append', entries: 20 },
      { do: 'settle' },
      { do: 'image' },
      { do: 'append', entries: 20 },
      { do: 'settle' },
      { do: 'roll-back' },
      { do: 'append', entries: 7 },
    ]);
    expect((await world.epochs()).map(({ length }) => length)).toEqual([40, 7]);
  });

  it.each([
    { title: 'put back to 2', image: 2, entries: 1, epochs: [6, 0, 1] },
    { title: 'put back to 2 that writes on', image: 2, entries: 4, epochs: [6, 0, 4] },
    { title: 'as the store knows it', image: 6, entries: 1, epochs: [6, 0, 1] },
  ])('repro-further-back: keep everything of a disk $title, after a fork it did not hear of', async (of) => {
    const world = new World();
    await world.enrol();
    const images = new Map<number, unknown>();
    for (const length of [2, 4, 6]) {
      world.append(2);
      await world.settle();
      images.set(length, world.journal.image());
    }
    await world.killAgent();
    world.journal.putBack(images.get(4));
    world.append(1);
    world.forgotten.add(world.recorded.at(-1) as string);
    expect(await world.sendUnheard()).toMatchObject({ forkedAt: 5, epoch: 2 });
    world.journal.putBack(images.get(of.image));
    world.append(of.entries);
    // Another replica, which knows of the fork.
    await world.perform({ do: 'kill-registry' });
    world.startAgent();
    await world.settle();
    await world.reconnect();
    await world.settle();
    await world.killAgent();
    await world.check();
    expect((await world.epochs()).map(({ length }) => length)).toEqual(of.epochs);
  });

  it('send again what a restored control plane has forgotten', async () => {
    const world = await live([
      { do: 'append', entries: 40 },
      { do: 'settle' },
      { do: 'restore', share: 0.5 },
      { do: 'append', entries: 1 },
    ]);
    expect((await world.epochs()).map(({ length }) => length)).toEqual([41]);
  });

  const swapsTwo: Plant = (store) => ({
    appendBatch: async (appends) =>
      store.appendBatch(
        appends.map(({ events: [first, second, ...rest], ...append }) => ({
          ...append,
          events: [second, first, ...rest].filter((event) => event !== undefined),
        })),
      ),
  });
  let inLine: Promise<unknown> = Promise.resolve();
  const takesAnything: Plant = (store) => ({
    appendBatch: (appends) => {
      const done = inLine.then(async () => {
        const revised = appends.map(async (append) => {
          const revision = await store.streamRevision(append.stream);
          return { ...append, expectedRevision: revision ?? ('no-stream' as const) };
        });
        return store.appendBatch(await Promise.all(revised));
      });
      inLine = done;
      return done;
    },
  });

  it.each<[string, Plant]>([
    ['swaps two events of an append', swapsTwo],
    ['appends without an expectation', takesAnything],
  ])('are checked well enough to notice a store that %s', async (_name, plant) => {
    const steps: Step[] = Array.from({ length: 12 }, () => [
      { do: 'append', entries: 30 } as const,
      { do: 'repeat', times: 1 } as const,
      { do: 'kill-registry' } as const,
    ]).flat();
    const lives = Array.from({ length: 3 }, () => live(steps, plant));
    const results = await Promise.allSettled(lives);
    expect(results.filter(({ status }) => status === 'rejected')).not.toEqual([]);
  });
});
