import { createRoles, freePort, type PostgresServer, startPostgres } from '@keyfleet/embedded';
import { isKeyfleetError } from '@keyfleet/kernel';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import postgres from 'postgres';
import { Collector } from '../contract/collect.contract.js';
import { event, everything, idsOf } from '../contract/fixture.contract.js';
import type { AppendResult, EventStore, NewEvent } from '../port.js';
import { asOwner, sharedFixture } from './fixture.contract.js';
import { createPostgresEventStore, eventStoreMigrations } from './index.js';

const UNAVAILABLE = { code: 'store.unavailable' };

describe('a server that goes away', () => {
  it('is store.unavailable where there is none, within seconds, with nothing of it in the message', async () => {
    const port = await freePort();
    const store = createPostgresEventStore({ url: `postgres://kf_store:hunter2@127.0.0.1:${port}/keyfleet` });
    const attempts = [
      store.append('agent-1', 'no-stream', [event()]),
      store.readAll(),
      store.headPosition(),
      store.trim('usage', '2026-01-01T00:00:00Z'),
    ];
    for (const attempt of await Promise.allSettled(attempts)) {
      const error = attempt.status === 'rejected' ? attempt.reason : undefined;
      expect(error).toMatchObject(UNAVAILABLE);
      expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/hunter2|127\.0\.0\.1/);
    }
    await store.close();
  });

  it('F19: is waited for: appends sent again are written once and whole, subscriptions go on', async () => {
    const directory = temporaryDirectory('pg');
    let server = await startPostgres({ directory });
    const url = await migrated(server);
    const store = createPostgresEventStore({ url });
    const collector = new Collector(store);
    const writing = { stopped: false };
    const writers = Array.from({ length: 8 }, (_, n) => writeUntil(store, `agent-${n}`, writing));
    for (let round = 0; round < 3; round++) {
      const seen = collector.events.length;
      await collector.untilEvents(seen + 40);
      await (round === 1 ? server.kill() : server.stop('immediate'));
      server = await startPostgres({ directory, port: server.port });
      expect(server.url.endsWith(`:${new URL(url).port}/postgres`)).toBe(true);
    }
    const after = collector.events.length;
    await collector.untilEvents(after + 40);
    writing.stopped = true;
    const acknowledged = (await Promise.all(writers)).flat();
    await collector.untilEvents(acknowledged.length);
    const truth = await everything(store);
    expect(idsOf(truth).sort()).toEqual([...acknowledged].sort());
    expect(idsOf(collector.events)).toEqual(idsOf(truth));
    expect(truth.map(({ position }) => position)).toEqual(truth.map((_, n) => String(n + 1)));
    await collector.stop();
    await store.close();
    await server.stop();
  }, 120_000);
});

describe('more than the server takes', () => {
  const openFixture = sharedFixture();

  it('waits in bounds: beyond them an append is refused at once, and what waits is written', async () => {
    const fixture = await openFixture();
    const store = fixture.open({ maxWaitingBytes: 50_000 });
    const data = { text: 'x'.repeat(1_000) };
    const attempts = Array.from({ length: 100 }, (_, n) =>
      store.append(`agent-${n}`, 'no-stream', [event('Noted', { data })]).catch((error: unknown) => error),
    );
    const results = await Promise.all(attempts);
    const written = results.filter((result) => (result as AppendResult).outcome === 'appended').length;
    expect(results.filter((error) => isKeyfleetError(error, 'store.unavailable'))).toHaveLength(
      100 - written,
    );
    expect(written).toBeGreaterThan(20);
    expect(written).toBeLessThan(80);
    expect(await everything(store)).toHaveLength(written);
    expect(await store.append('agent-x', 'no-stream', [event()])).toMatchObject({ outcome: 'appended' });
    await fixture.close();
  });

  it('an append the server cannot take fails alone, not the group it came in', async () => {
    const fixture = await openFixture();
    await asOwner(
      fixture.database,
      (sql) => sql`alter table store.events add constraint poison check (v <> 13)`,
    );
    const appends = [1, 13, 1, 1].map((v, n) =>
      fixture.store.append(`agent-${n}`, 'no-stream', [event('Noted', { v })]),
    );
    const results = await Promise.allSettled(appends);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect((await everything(fixture.store)).map(({ stream }) => stream)).toEqual([
      'agent-0',
      'agent-2',
      'agent-3',
    ]);
    expect(await fixture.store.streamRevision('agent-1')).toBeNull();
    await asOwner(fixture.database, (sql) => sql`alter table store.events drop constraint poison`);
    await fixture.close();
  });
});

/** Two events at a time, each pair sent until it is answered. */
async function writeUntil(
  store: EventStore,
  stream: string,
  state: { readonly stopped: boolean },
): Promise<string[]> {
  const written: string[] = [];
  while (!state.stopped) {
    const pair: NewEvent[] = [event(), event()];
    const expected = written.length === 0 ? 'no-stream' : BigInt(written.length - 1);
    const result = await waitFor(
      () =>
        store.append(stream, expected, pair).catch((error: unknown) => {
          if (isKeyfleetError(error, 'store.unavailable')) return undefined;
          throw error;
        }),
      { ceilingMs: 60_000 },
    );
    expect(result).toMatchObject({ outcome: 'appended', revision: BigInt(written.length + 1) });
    written.push(...idsOf(pair));
  }
  return written;
}

async function migrated(server: PostgresServer): Promise<string> {
  await createRoles(server, { kf_store: 'spec' });
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  for (const { up } of eventStoreMigrations) await up(sql);
  await sql.end();
  return server.url.replace(/\/\/[^@]+@/, '//kf_store:spec@');
}
