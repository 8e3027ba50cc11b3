import type { EventOf, GroupDefined } from '@keyfleet/contracts/events';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { type Decider, idPattern, KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { type Decision, handle } from './command-handler.js';

type Defined = EventOf<typeof GroupDefined>;
type Group = { readonly status: 'unknown' } | ({ readonly status: 'defined' } & Defined['data']);
interface DefineGroup {
  readonly type: 'DefineGroup';
  readonly groupId: string;
  readonly name: string;
  readonly selector: string;
  readonly offlineAfterSeconds: number | null;
  readonly existing: boolean;
}

/** As small as one can be. */
const group: Decider<Group, DefineGroup, Defined> = {
  initialState: { status: 'unknown' },
  evolve: (_, { data }) => ({ status: 'defined', ...data }),
  decide: ({ type: _, existing, ...data }, { status }) => {
    if (existing !== (status === 'defined'))
      throw new KeyfleetError(existing ? 'resource.not-found' : 'resource.exists');
    return [{ type: 'GroupDefined', v: 1, data }];
  },
};
const groupStream = (groupId: string) => `group-${groupId}`;

const clock = new TestClock();
const orgId = newId('org');
const actor = newId('usr');

function setUp() {
  const store = createInMemoryEventStore({ clock });
  const groupId = newId('grp');
  const define = (name: string, existing = true): DefineGroup => ({
    type: 'DefineGroup',
    groupId,
    name,
    selector: 'labels.env = prod',
    offlineAfterSeconds: null,
    existing,
  });
  const decision = (command: DefineGroup, meta: Partial<Decision<never, never, never>['meta']> = {}) => ({
    decider: group,
    stream: groupStream(groupId),
    command,
    orgId,
    meta: { commandId: newId('cmd'), actor, correlationId: 'r1', ...meta },
  });
  const run = (command: DefineGroup, meta = {}) => handle({ store, clock }, decision(command, meta));
  return { store, groupId, define, decision, run };
}

describe('the command handler', () => {
  it('appends what was decided, with who, when and why', async () => {
    const { store, groupId, define, run } = setUp();
    const commandId = newId('cmd');
    const handled = await run(define('A', false), { commandId, bodyHash: 'a'.repeat(64) });
    expect(handled).toMatchObject({ replayed: false, revision: 0n, position: '1' });
    expect(handled.state).toMatchObject({ status: 'defined', name: 'A' });
    const [event] = await store.readStream(groupStream(groupId));
    expect(handled.events).toEqual([event]);
    expect(event).toMatchObject({
      id: expect.stringMatching(idPattern('evt')),
      type: 'GroupDefined',
      metadata: {
        orgId,
        actor,
        at: '2026-01-01T00:00:00.000Z',
        correlationId: 'r1',
        causationId: commandId,
        bodyHash: 'a'.repeat(64),
      },
    });
  });

  it('lets everybody through in turn when many change one thing at once', async () => {
    const { define, run } = setUp();
    await run(define('A', false));
    const names = Array.from({ length: 5 }, (_, n) => `name ${n}`);
    const revisions = await Promise.all(names.map(async (name) => (await run(define(name))).revision));
    expect(revisions.sort()).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  it('gives up with a conflict when it is never its turn', async () => {
    const { store, define, decision } = setUp();
    await handle({ store, clock }, decision(define('A', false)));
    const busy = {
      readStream: store.readStream.bind(store),
      append: async () => ({ outcome: 'conflict', stream: 's', expected: 0n, actual: 1n }) as const,
    };
    await expect(handle({ store: busy, clock }, decision(define('B')))).rejects.toMatchObject({
      code: 'revision.conflict',
    });
  });

  it('takes If-Match at its word and never tries again', async () => {
    const { store, define, run, decision } = setUp();
    await run(define('A', false));
    await expect(run(define('B'), { ifMatch: '7' })).rejects.toMatchObject({ code: 'revision.mismatch' });
    const raced = {
      readStream: store.readStream.bind(store),
      append: async (...args: Parameters<typeof store.append>) => {
        await run(define('first'));
        return store.append(...args);
      },
    };
    await expect(
      handle({ store: raced, clock }, decision(define('second'), { ifMatch: '0' })),
    ).rejects.toMatchObject({ code: 'revision.mismatch' });
    await expect(run(define('third'), { ifMatch: '1' })).resolves.toMatchObject({ revision: 2n });
  });

  it('answers a repeated Idempotency-Key from what it did the first time', async () => {
    const { define, run } = setUp();
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    const first = await run(define('A', false), key);
    await run(define('B'));
    const again = await run(define('A', false), key);
    expect(again).toMatchObject({ replayed: true, revision: first.revision, position: first.position });
    expect(again.events).toEqual(first.events);
    await expect(run(define('A', false), { ...key, bodyHash: 'b'.repeat(64) })).rejects.toMatchObject({
      code: 'idempotency.mismatch',
    });
  });

  it('does it once when one Idempotency-Key comes in parallel, and knows whose facts were stored', async () => {
    const { store, groupId, define, run } = setUp();
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    // As with a secret made anew by each of them: the same body, other facts.
    const names = Array.from({ length: 10 }, (_, n) => `secret ${n}`);
    const answers = await Promise.all(names.map((name) => run(define(name, false), key)));
    const stored = await store.readStream(groupStream(groupId));
    expect(stored).toHaveLength(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const { events } of answers) expect(events).toEqual(stored);
  });

  it('S9: a thing of another organisation is as absent as one that never was', async () => {
    const { store, define, run, decision } = setUp();
    await run(define('A', false));
    const stranger = { ...decision(define('B')), orgId: newId('org') };
    await expect(handle({ store, clock }, stranger)).rejects.toMatchObject({ code: 'resource.not-found' });
    const create = { ...decision(define('B', false)), orgId: newId('org') };
    await expect(handle({ store, clock }, create)).rejects.toMatchObject({ code: 'resource.not-found' });
  });

  it('never stores a fact that does not fit its schema', async () => {
    const { store, groupId, define, run } = setUp();
    await expect(run({ ...define('A', false), offlineAfterSeconds: 5 })).rejects.toThrow();
    expect(await store.streamRevision(groupStream(groupId))).toBeNull();
  });
});
