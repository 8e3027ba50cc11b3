import { inspect } from 'node:util';
import {
  GENESIS_HASH,
  type JournalEntry,
  type JournalReply,
  journalReply,
  journalStream,
} from '@keyfleet/contracts';
import { AgentEventRefused, AgentRevoked, make } from '@keyfleet/contracts/events';
import { agentSubject } from '@keyfleet/contracts/messages';
import { canonicalJson, chainEntry, sha256Hex } from '@keyfleet/crypto';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import fc from 'fast-check';
import { ModelAgent, secretUpdated } from './testing/model-agent.js';
import { type Plane, startPlane } from './testing/plane.js';

const CANARY = 'hunter2-canary';

function stored(plane: Plane, agent: ModelAgent, epoch = agent.epoch): Promise<readonly RecordedEvent[]> {
  return plane.store.readStream(journalStream(agent.agentId, epoch));
}

async function send(plane: Pick<Plane, 'ingest'>, agent: ModelAgent, entries?: readonly unknown[]) {
  return plane.ingest.handle(agent.subject, agent.batch(entries));
}

function watermark(entry: JournalEntry | undefined): JournalReply {
  if (!entry) throw new Error('no entry');
  return { epoch: entry.epoch, seq: entry.seq, hash: entry.hash };
}

const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id);

describe('a journal batch', () => {
  let plane: Plane;
  let agent: ModelAgent;

  beforeEach(async () => {
    plane = startPlane();
    agent = await new ModelAgent().enrol(plane.store);
  });
  afterEach(() => expect(plane.errors).toEqual([]));

  it('is answered with the watermark of its last entry, and stands in the store with its chain', async () => {
    const entries = agent.recordMany(3);
    expect(await send(plane, agent)).toEqual(watermark(entries[2]));
    const events = await stored(plane, agent);
    expect(events).toMatchObject(
      entries.map(({ id, type, v, data, at, prev, hash }, index) => ({
        ...{ id, type, v, data, revision: BigInt(index) },
        metadata: { orgId: agent.orgId, actor: agent.agentId, at, journal: { prev, hash } },
      })),
    );
  });

  it('F9: sent again is acknowledged again and stored once, whole or in part', async () => {
    const entries = agent.recordMany(6);
    await send(plane, agent, entries.slice(0, 4));
    expect(await send(plane, agent, entries.slice(0, 4))).toEqual(watermark(entries[3]));
    expect(await send(plane, agent, entries.slice(1, 3))).toEqual(watermark(entries[2]));
    expect(await send(plane, agent, entries.slice(2))).toEqual(watermark(entries[5]));
    expect(await send(plane.replica(), agent, entries)).toEqual(watermark(entries[5]));
    expect(ids(await stored(plane, agent))).toEqual(ids(entries));
  });

  it('goes on at whichever replica it comes to', async () => {
    const replicas = [plane, plane.replica(), plane.replica()];
    const entries = agent.recordMany(30);
    for (const [index, entry] of entries.entries())
      expect(await send(replicas[index % 3] as Plane, agent, [entry])).toEqual(watermark(entry));
    expect(ids(await stored(plane, agent))).toEqual(ids(entries));
  });

  it('F10: whose commit was not heard of is acknowledged when it comes again', async () => {
    const store = createInMemoryEventStore({ clock: new TestClock() });
    const deaf = { answers: false };
    const unheard = new Proxy(store, {
      get: (target, name) => {
        if (name !== 'appendBatch' || deaf.answers) return Reflect.get(target, name).bind(target);
        return async (...appends: Parameters<EventStore['appendBatch']>) => {
          await target.appendBatch(...appends);
          throw new KeyfleetError('store.unavailable');
        };
      },
    });
    plane = startPlane({ store: unheard });
    agent = await new ModelAgent().enrol(store);
    const entries = agent.recordMany(5);
    expect(await send(plane, agent)).toEqual({ code: 'store.unavailable' });
    deaf.answers = true;
    expect(await send(plane, agent)).toEqual(watermark(entries[4]));
    expect(ids(await stored(plane, agent))).toEqual(ids(entries));
  });

  it('that begins after what is stored is answered with the lower watermark', async () => {
    const entries = agent.recordMany(9);
    await send(plane, agent, entries.slice(0, 3));
    expect(await send(plane, agent, entries.slice(5))).toEqual(watermark(entries[2]));
    expect(await stored(plane, agent)).toHaveLength(3);
  });

  it('of an epoch the control plane does not know has to sync', async () => {
    agent.epoch = 4;
    agent.recordMany(1);
    expect(await send(plane, agent)).toEqual({ code: 'resource.conflict' });
  });

  describe('from somebody else', () => {
    it('S2: is refused where subject, batch, organisation or signature are not one agent', async () => {
      const other = await new ModelAgent().enrol(plane.store);
      const bytes = agent.batch(agent.recordMany(1));
      const { orgId, agentId } = agent;
      const refused: [string, Uint8Array, string][] = [
        [other.subject, bytes, 'request.invalid'],
        [agentSubject({ orgId: other.orgId, agentId }, 'ev'), bytes, 'agent.unknown'],
        [agentSubject({ orgId, agentId }, 'hb'), bytes, 'request.invalid'],
        [agent.subject, other.batch(agent.entries, { agentId }), 'agent.signature-invalid'],
        [agent.subject, agent.batch(agent.entries, { epoch: 2 }), 'agent.signature-invalid'],
      ];
      for (const [subject, message, code] of refused)
        expect(await plane.ingest.handle(subject, message)).toEqual({ code });
      const stranger = new ModelAgent();
      stranger.recordMany(1);
      expect(await send(plane, stranger)).toEqual({ code: 'agent.unknown' });
      expect(await stored(plane, agent)).toEqual([]);
      expect(await stored(plane, other)).toEqual([]);
    });

    it('S4: is refused within a second of the revocation, wherever it was recorded', async () => {
      await send(plane, agent, agent.recordMany(1));
      const at = '2026-03-01T10:00:00.000Z';
      await plane.store.append(`agent-${agent.agentId}`, 0n, [
        {
          ...make(AgentRevoked, { agentId: agent.agentId, jwtExpiresAt: at }),
          id: newId('evt'),
          metadata: { orgId: agent.orgId, actor: 'svc_registry', at },
        },
      ]);
      plane.clock.advance(600);
      expect(await send(plane, agent, agent.recordMany(1))).toEqual({ code: 'agent.revoked' });
      expect(await stored(plane, agent)).toHaveLength(1);
    });
  });

  describe('with an entry that cannot be taken', () => {
    const good = secretUpdated();
    const rechained = (entry: JournalEntry, changes: Record<string, unknown>) =>
      chainEntry({ ...entry, ...changes } as JournalEntry);
    const rehashed = ({ hash: _, ...entry }: JournalEntry) => ({
      ...entry,
      hash: sha256Hex(canonicalJson(entry)),
    });
    const cases: [string, (entry: JournalEntry) => object, { reason: string; pointers: string[] }][] = [
      [
        'an unknown type',
        (entry) => rechained(entry, { type: 'SecretLeaked' }),
        { reason: 'unknown-type', pointers: ['/type'] },
      ],
      [
        'a newer version',
        (entry) => rechained(entry, { v: 2 }),
        { reason: 'unknown-version', pointers: ['/v'] },
      ],
      [
        'a field its schema does not have',
        (entry) => rechained(entry, { data: { ...good.data, [CANARY]: CANARY } }),
        { reason: 'schema', pointers: ['/data/#3'] },
      ],
      [
        'a name outside the grammar',
        (entry) => rechained(entry, { data: { ...good.data, path: `../${CANARY}` } }),
        { reason: 'schema', pointers: ['/data/path'] },
      ],
      [
        'a NUL in a name',
        (entry) => rechained(entry, { data: { ...good.data, path: `a\0${CANARY}` } }),
        { reason: 'schema', pointers: ['/data/path'] },
      ],
      [
        'a time no database reads',
        (entry) => rechained(entry, { at: `2026-03-01T10:00:00.${'1'.repeat(200)}Z` }),
        { reason: 'schema', pointers: ['/at'] },
      ],
      [
        'an unknown field in its envelope',
        (entry) => rehashed({ ...entry, ...{ [CANARY]: 1 } }),
        { reason: 'schema', pointers: ['/#10'] },
      ],
      [
        'another agent in it',
        (entry) => rechained(entry, { agentId: newId('agt') }),
        { reason: 'foreign-identity', pointers: ['/agentId'] },
      ],
      [
        'another organisation in it',
        (entry) => rechained(entry, { orgId: newId('org') }),
        { reason: 'foreign-identity', pointers: ['/orgId'] },
      ],
      [
        'another epoch in it',
        (entry) => rechained(entry, { epoch: 2 }),
        { reason: 'schema', pointers: ['/epoch'] },
      ],
      [
        'more than 32 KiB',
        (entry) => rechained(entry, { data: { path: CANARY.repeat(2_500) } }),
        { reason: 'too-large', pointers: [] },
      ],
      ['no id', (entry) => rechained(entry, { id: CANARY }), { reason: 'schema', pointers: ['/id'] }],
    ];

    it.each(cases)(
      'S18: goes on, and %s leaves only a notice in its place',
      async (_name, spoil, { reason, pointers }) => {
        const [first, second] = agent.record(secretUpdated(), good);
        const bad = { ...spoil(second as JournalEntry) } as JournalEntry;
        // The agent goes on after what it wrote, wrong as it was.
        agent.entries[1] = bad;
        const [third] = agent.record(secretUpdated());
        expect(await send(plane, agent)).toEqual(watermark(third));
        const events = await stored(plane, agent);
        expect(events.map(({ type }) => type)).toEqual([
          'SecretUpdated',
          'AgentEventRefused',
          'SecretUpdated',
        ]);
        const { seq, prev, hash } = bad;
        expect(AgentEventRefused.data.parse(events[1]?.data)).toEqual({
          ...{ epoch: 1, seq, prev, hash, reason, pointers },
          size: expect.any(Number),
        });
        expect(first?.hash).toBe(prev);
        expect(await send(plane.replica(), agent)).toEqual(watermark(third));
        const all = await plane.store.readAll();
        expect(inspect(all.events, { depth: null })).not.toContain(CANARY);
        expect(await stored(plane, agent)).toHaveLength(3);
      },
    );

    it('S18: names fields of the schema only, however deep the unknown key lies', async () => {
      const rows = [{ secret: 'a/b', [CANARY]: 1 }, { groups: [CANARY + CANARY.repeat(20)] }];
      const [entry] = agent.record({
        id: newId('evt'),
        type: 'UsageReported',
        v: 1,
        data: { minute: CANARY, rows },
      });
      expect(await send(plane, agent)).toEqual(watermark(entry));
      const [event] = await stored(plane, agent);
      const { pointers } = AgentEventRefused.data.parse(event?.data);
      expect(pointers).toContain('/data/minute');
      expect(pointers).toContain('/data/rows/0/#1');
      expect(inspect(event, { depth: null })).not.toContain(CANARY);
    });

    it('the second entry under one id is refused under its own', async () => {
      const twin = secretUpdated();
      const entries = agent.record(twin, twin);
      expect(await send(plane, agent)).toEqual(watermark(entries[1]));
      const events = await stored(plane, agent);
      expect(events.map(({ type }) => type)).toEqual(['SecretUpdated', 'AgentEventRefused']);
      expect(new Set(ids(events)).size).toBe(2);
    });
  });

  describe('that nobody can read', () => {
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    const unreadable: [string, (agent: ModelAgent) => Uint8Array, string, string[]][] = [
      ['is no JSON', () => Buffer.from(CANARY), 'malformed', []],
      ['is no UTF-8', () => Uint8Array.of(0x22, 0xff, 0x22), 'malformed', []],
      ['is empty', () => new Uint8Array(), 'malformed', []],
      ['is a list', () => json([CANARY]), 'schema', ['']],
      ['has no entries', (from) => from.batch([], { entries: [] }), 'schema', ['/entries']],
      ['has 101 entries', (from) => from.batch(from.recordMany(101)), 'schema', ['/entries']],
      ['has an unknown field', (from) => from.batch(from.recordMany(1), { [CANARY]: 1 }), 'schema', ['/#5']],
      ['has an entry without a chain', (from) => from.batch([CANARY]), 'chain', ['/entries/0']],
      [
        'has a hole in its chain',
        (from) => from.batch(from.recordMany(3).filter(({ seq }) => seq !== 2)),
        'chain',
        ['/entries/1/seq'],
      ],
      [
        'begins after something that is no hash',
        (from) => from.batch([{ ...from.recordMany(1)[0], prev: CANARY.padEnd(64, CANARY) }]),
        'chain',
        ['/entries/0/prev'],
      ],
      [
        'has entries that do not follow each other',
        (from) => from.batch(from.recordMany(2).map((entry) => ({ ...entry, prev: GENESIS_HASH }))),
        'chain',
        ['/entries/1/prev'],
      ],
      [
        'was changed on its way',
        (from) => from.batch(from.recordMany(2).map((entry) => ({ ...entry, at: '2026-03-01T10:00:01Z' }))),
        'chain',
        ['/entries/0/hash'],
      ],
      [
        'was added to on its way',
        (from) => from.batch(from.recordMany(2).map((entry) => ({ ...entry, [CANARY]: 1 }))),
        'chain',
        ['/entries/0/hash'],
      ],
      [
        'has half a surrogate pair',
        (from) => from.batch(from.recordMany(1).map((entry) => ({ ...entry, data: { path: '\ud800' } }))),
        'chain',
        ['/entries/0/hash'],
      ],
    ];

    it.each(unreadable)(
      'F14: because it %s is kept as size and hash, and answered',
      async (_name, make, reason, pointers) => {
        const bytes = make(agent);
        expect(await plane.ingest.handle(agent.subject, bytes)).toEqual({ code: 'request.invalid' });
        expect(plane.quarantine.kept).toEqual([
          {
            ...{ reason, pointers, size: bytes.byteLength, subject: agent.subject },
            sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        ]);
        expect(inspect(plane.quarantine.kept)).not.toContain(CANARY);
        expect(await stored(plane, agent)).toEqual([]);
      },
    );

    it('F14: is told to be smaller where it is too large', async () => {
      const bytes = new Uint8Array(400 * 1024);
      expect(await plane.ingest.handle(agent.subject, bytes)).toEqual({ code: 'request.too-large' });
      expect(plane.quarantine.kept).toMatchObject([{ reason: 'too-large', size: bytes.byteLength }]);
    });

    it('F14: keeps a subject only where it follows the grammar', async () => {
      await plane.ingest.handle(`kf.v1.${CANARY}.x.ev`, Buffer.from('{}'));
      expect(plane.quarantine.kept[0]?.subject).toMatch(/^sha256:[0-9a-f]{64}$/);
    });

    it('F14: whatever it is, there is an answer of the contract and nothing is thrown', async () => {
      const entries = agent.recordMany(3);
      const text = Buffer.from(agent.batch(entries)).toString('utf8');
      const mutated = fc
        .tuple(fc.nat(text.length - 1), fc.string({ maxLength: 4, unit: 'binary' }), fc.nat(4))
        .map(([at, put, cut]) => Buffer.from(text.slice(0, at) + put + text.slice(at + cut)));
      const shaped = fc.jsonValue().map((value) => Buffer.from(agent.batch([value])));
      const outer = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
      const raw = fc.uint8Array({ maxLength: 300 });
      await fc.assert(
        fc.asyncProperty(fc.oneof(mutated, shaped, outer, raw), async (bytes) => {
          journalReply.parse(await plane.ingest.handle(agent.subject, bytes));
        }),
        { numRuns: 300 },
      );
      expect(await send(plane, agent)).toEqual(watermark(entries[2]));
      expect((await stored(plane, agent)).map(({ type }) => type)).not.toContain('AgentEventRefused');
    });

    it('F14: nested without end, it does not exhaust the stack', async () => {
      const [entry] = agent.recordMany(1);
      const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
      const text = Buffer.from(agent.batch([entry])).toString('utf8');
      const reply = await plane.ingest.handle(
        agent.subject,
        Buffer.from(text.replace('"app:billing"', deep)),
      );
      expect(reply).toEqual({ code: 'request.invalid' });
      expect(await stored(plane, agent)).toEqual([]);
    });
  });
});
