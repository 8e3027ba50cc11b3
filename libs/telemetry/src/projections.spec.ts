import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { createMetrics, newId, systemClock } from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import { migrate, type Projection, projectionsMigrations } from '@keyfleet/read-store';
import { createTestDatabase } from '@keyfleet/testing';
import { projectionMetrics } from './projections.js';

const followed: Projection = {
  name: 'test.followed',
  version: 1,
  filter: { categories: ['seen'] },
  tables: [],
  apply: async () => [],
};
const silent = { warn: () => {}, error: () => {} } as never;
const event = () => ({
  id: newId('evt'),
  type: 'Noted',
  v: 1,
  data: {},
  metadata: { orgId: null, actor: 'svc_test', at: '2026-01-01T00:00:00.000Z' },
});

it('of a read model is how far it is behind by what it follows, what it put aside, and nothing while the database is away', async () => {
  const database = await createTestDatabase();
  await migrate({
    ownerUrl: database.url,
    sets: [{ owner: 'projections', migrations: projectionsMigrations }],
  });
  const sql = createSql({ url: database.superuserUrl, applicationName: 'lag' });
  const store = createInMemoryEventStore({ clock: systemClock });
  const metrics = createMetrics({ service: 'test', version: '1', runtime: false });
  projectionMetrics({ metrics, logger: silent, sql, store, projections: [followed] });
  const shown = async (): Promise<Record<string, number>> => {
    // Past the second for which one sample serves.
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const found = (await metrics.registry.metrics()).matchAll(/^keyfleet_projection_(\w+)\{.*\} (\S+)$/gm);
    return Object.fromEntries(
      [...found].flatMap(([, name = '', value]) =>
        name === 'failures_total' ? [] : [[name, Number(value)]],
      ),
    );
  };
  // An alert asks how many were added, so the first has to be one more than nothing.
  expect(await metrics.registry.metrics()).toContain(
    'keyfleet_projection_failures_total{projection="test.followed"} 0',
  );
  await sql`insert into projections.checkpoints values ('test.followed', 1, 'current', null)`;
  await store.append('seen-1', 'no-stream', [event()]);
  await store.append('other-1', 'no-stream', [event(), event()]);
  const behind = await shown();
  expect(behind).toMatchObject({ lag_events: 3, parked_streams: 0 });
  expect(behind['lag_seconds']).toBeGreaterThan(1);
  await sql`update projections.checkpoints set position = '1'`;
  await sql`insert into projections.parked_streams values ('test.followed', 1, 'seen-1', 0, 'evt_x', 'Noted', 'X', 5)`;
  // What it does not follow is no lag in time.
  expect(await shown()).toMatchObject({ lag_events: 2, lag_seconds: 0, parked_streams: 1 });
  await closeSql(sql);
  expect(await shown()).toEqual({});
  await database.drop();
});
