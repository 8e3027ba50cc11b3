import type { EventStore, StreamAppend } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { Appender } from './appender.js';

const ORG = newId('org');

function append(stream: string, count = 1, type = 'SecretUpdated'): StreamAppend {
  const metadata = { orgId: ORG, actor: 'svc_test', at: '2026-03-01T10:00:00.000Z' };
  const events = Array.from({ length: count }, () => ({ id: newId('evt'), type, v: 1, data: {}, metadata }));
  return { stream, expectedRevision: 'no-stream', events };
}

/** A store whose commits wait until they are let through; it keeps the groups it was given. */
function slowStore() {
  const store = createInMemoryEventStore({ clock: new TestClock() });
  const groups: number[] = [];
  const gates: (() => void)[] = [];
  let open = false;
  const appendBatch: EventStore['appendBatch'] = async (appends) => {
    groups.push(appends.length);
    if (!open) await new Promise<void>((resolve) => gates.push(resolve));
    return store.appendBatch(appends);
  };
  const letThrough = () => {
    open = true;
    for (const gate of gates.splice(0)) gate();
  };
  return { store: Object.assign(Object.create(store) as EventStore, { appendBatch }), groups, letThrough };
}

describe('the appender', () => {
  it('puts what came while a commit was under way into the next one', async () => {
    const { store, groups, letThrough } = slowStore();
    const appender = new Appender(store);
    const results = Array.from({ length: 12 }, (_, n) => appender.append(append(`journal-${n}`)));
    letThrough();
    for (const result of await Promise.all(results)) expect(result).toMatchObject({ outcome: 'appended' });
    expect(groups).toEqual([1, 1, 10]);
  });

  it('never has a stream twice in one group, and keeps groups small', async () => {
    const { store, groups, letThrough } = slowStore();
    const appender = new Appender(store);
    const first = ['a', 'b'].map((name) => appender.append(append(`journal-${name}`)));
    const again = ['c', 'c'].map((name) => appender.append(append(`journal-${name}`)));
    const large = ['d', 'e', 'f'].map((name) => appender.append(append(`journal-${name}`, 990)));
    letThrough();
    await Promise.all([...first, ...large]);
    const outcomes = (await Promise.all(again)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['appended', 'conflict']);
    expect(groups).toEqual([1, 1, 3, 2]);
  });

  it('what the store cannot take fails alone', async () => {
    const { store, letThrough } = slowStore();
    const appender = new Appender(store);
    const blockers = ['a', 'b'].map((name) => appender.append(append(`journal-${name}`)));
    const good = appender.append(append('journal-good'));
    const bad = appender.append(append('journal-bad', 1, 'no type'));
    letThrough();
    await Promise.all(blockers);
    expect(await good).toMatchObject({ outcome: 'appended' });
    await expect(bad).rejects.toThrow(TypeError);
  });

  it('a store that is away is told to all', async () => {
    const { store, letThrough } = slowStore();
    const away: EventStore['appendBatch'] = () => Promise.reject(new KeyfleetError('store.unavailable'));
    letThrough();
    const appender = new Appender(Object.assign(Object.create(store) as EventStore, { appendBatch: away }));
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) => appender.append(append(`journal-${name}`))),
    );
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store.unavailable' } });
  });
});
