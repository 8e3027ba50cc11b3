import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase } from '@keyfleet/testing';
import postgres from 'postgres';
import { event, everything } from '../contract/fixture.contract.js';
import { violationsUnderLoad } from '../contract/laws.contract.js';
import { encodeAppend } from '../encode.js';
import { asOwner, copyOf, sharedFixture } from './fixture.contract.js';
import { writeGroup } from './group.js';
import { NaiveEventStore } from './naive.contract.js';

describe('the laws of reading', () => {
  it('F8: are seen broken in a store that reads by sequence, so the suite can tell', async () => {
    const database = await createTestDatabase();
    const naive = new NaiveEventStore(database.url);
    await naive.create();
    const violations = await violationsUnderLoad({
      stores: [naive],
      writers: 16,
      appendsEach: 25,
      dense: true,
    });
    await naive.close();
    await database.drop();
    const broken = violations.map(({ law, who }) => `${law}: ${who}`);
    expect(broken).toEqual(
      expect.arrayContaining([
        'missed: subscriber',
        'missed: filtered subscriber',
        'missed: page reader',
        'hole: store',
      ]),
    );
  });
});

describe('the order of events in PostgreSQL', () => {
  const openFixture = sharedFixture();

  it('F8: has no hole and hides nothing from a reader while 16 slow transactions write and one in ten is rolled back', async () => {
    const fixture = await openFixture();
    const sql = postgres(fixture.database.urlFor('kf_store'), { max: 16 });
    const seen: string[] = [];
    const abort = new AbortController();
    const reading = (async () => {
      for await (const batch of fixture.store.subscribe({ signal: abort.signal, bufferSize: 20 }))
        for (const item of batch) if (item.kind === 'event') seen.push(item.event.id);
    })();
    const write = async (writer: number): Promise<void> => {
      let revision = -1n;
      for (let n = 0; n < 20; n++) {
        const events = [event(), event()];
        const expectedRevision = revision < 0n ? 'no-stream' : revision;
        const append = encodeAppend({ stream: `slow-${writer}`, expectedRevision, events });
        const rollBack = (writer + n) % 10 === 0;
        await sql
          .begin(async (tx) => {
            await delay(Math.random() * 4);
            await writeGroup(tx, [append]);
            await delay(Math.random() * 2);
            if (rollBack) throw new Error('rolled back');
          })
          .then(
            () => {
              revision += 2n;
            },
            (error) => expect(error.message).toBe('rolled back'),
          );
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writer)));
    await sql.end();
    const truth = await everything(fixture.store);
    while (seen.length < truth.length) await delay(5);
    abort.abort();
    await reading;
    expect(seen).toEqual(truth.map(({ id }) => id));
    expect(truth.map(({ position }) => position)).toEqual(truth.map((_, n) => String(n + 1)));
    expect(truth.length).toBe(16 * 18 * 2);
    await fixture.close();
  });

  it('F8: does not wait for a foreign transaction that stays open, in this database or another', async () => {
    const fixture = await openFixture();
    const other = await createTestDatabase();
    const foreign = [fixture.database.url, other.url].map((url) =>
      postgres(url, { max: 1, onnotice: () => {} }),
    );
    const held = await Promise.all(foreign.map((sql) => sql.reserve()));
    for (const sql of held) await sql.unsafe('begin; create table held (n int)').simple();
    await fixture.store.append('agent-1', 'no-stream', [event(), event()]);
    expect(await everything(await fixture.another())).toHaveLength(2);
    for (const sql of held) {
      await sql.unsafe('rollback');
      sql.release();
    }
    await Promise.all(foreign.map((sql) => sql.end()));
    await other.drop();
    await fixture.close();
  });

  it('recordedAt stands still where the clock of the server was set back', async () => {
    const fixture = await openFixture();
    await fixture.store.append('agent-1', 'no-stream', [event()]);
    await asOwner(
      fixture.database,
      (sql) => sql`update store.events set recorded_at = recorded_at + '1 hour'`,
    );
    await fixture.store.append('agent-1', 0n, [event()]);
    const [first, second] = await everything(fixture.store);
    expect(second?.recordedAt).toBe(first?.recordedAt);
    await fixture.store.trim('agent', '2999-01-01T00:00:00Z');
    await fixture.store.append('agent-1', 1n, [event()]);
    expect((await everything(fixture.store))[0]?.recordedAt).toBe(first?.recordedAt);
    await fixture.close();
  });

  it('F8: goes on without a hole in a copy of its tables in a new database', async () => {
    const fixture = await openFixture();
    for (let n = 0; n < 5; n++) await fixture.store.append(`agent-${n}`, 'no-stream', [event(), event()]);
    await fixture.store.trim('agent', (await everything(fixture.store))[6]?.recordedAt ?? '');
    const before = await everything(fixture.store);
    const copy = await copyOf(fixture.database);
    const restored = fixture.open({ url: copy.urlFor('kf_store') });
    expect(await everything(restored)).toEqual(before);
    expect(await restored.append('agent-0', 1n, [event()])).toMatchObject({ revision: 2n, position: '11' });
    expect(await restored.append('agent-9', 'no-stream', [event('NeverSeen')])).toMatchObject({
      position: '12',
    });
    await restored.close();
    await copy.drop();
    await fixture.close();
  });
});
