import { createSql, type Sql } from '@keyfleet/postgres';
import { createTestDatabase } from '@keyfleet/testing';
import { MARKED } from './fill.js';
import { sameRows } from './same-rows.js';

const [HEARD, QUIET] = ['a', 'b'].map((digit) => `agt_00000000-0000-7000-8000-00000000000${digit}`);
let sql: Sql;
let drop: () => Promise<void>;

/** Tables of two versions, as a rebuild leaves them: the older stopped at 10, one agent was heard of since. */
beforeAll(async () => {
  const database = await createTestDatabase();
  drop = () => database.drop();
  sql = createSql({ url: database.url, applicationName: 'same-rows', max: 2 });
  await sql.unsafe(`
    create schema projections; create schema store;
    create table projections.tables (projection text, version int, logical text, physical text);
    create table store.streams (id int, stream text);
    create table store.events (stream_id int, position bigint);
    insert into store.streams values (1, 'journal-${HEARD}.1'), (2, 'agent-${QUIET}');
    insert into store.events values (1, 9), (2, 10), (1, 11);
    create table agents_now (agent_id text, seq int); create table agents_before (agent_id text, seq int);
    create table events_now (position bigint, type text, data text);
    create table events_before (position bigint, type text, data text);
    insert into projections.tables values ('agents', 1, 'agents', 'agents_now'), ('agents', -1, 'agents', 'agents_before'),
      ('events', 1, 'events', 'events_now'), ('events', -1, 'events', 'events_before');
  `);
}, 60_000);

beforeEach(() =>
  sql.unsafe(`
    truncate agents_now, agents_before, events_now, events_before;
    insert into agents_now values ('${HEARD}', 3), ('${QUIET}', 1);
    insert into agents_before values ('${HEARD}', 2), ('${QUIET}', 1);
    insert into events_before values (9, 'A', 'x'), (10, '${MARKED}', 'spoiled');
    insert into events_now values (9, 'A', 'x'), (10, '${MARKED}', 'whole'), (11, 'A', 'later');
  `),
);

afterAll(async () => {
  await sql.end();
  await drop();
});

const same = (rows: 'events' | 'agents') => sameRows(sql, { projection: rows, upTo: 10n, rows });

describe('the judge of rebuilt rows', () => {
  it('F16: takes for the same what differs only by what came after the older version stopped', async () => {
    expect([await same('agents'), await same('events')]).toEqual([true, true]);
  });

  it.each([
    ['agents', 'another value', `update agents_now set seq = 7 where agent_id = '${QUIET}'`],
    ['agents', 'a row too few', `delete from agents_now where agent_id = '${QUIET}'`],
    [
      'agents',
      'a row twice',
      `insert into agents_now select * from agents_before where agent_id = '${QUIET}'`,
    ],
    ['agents', 'nothing to compare', 'truncate agents_now, agents_before'],
    ['events', 'another value', `update events_now set data = 'y' where position = 9`],
    ['events', 'a row too few', 'delete from events_now where position = 9'],
  ] as const)('F16: catches in %s %s', async (rows, _, fault) => {
    await sql.unsafe(fault);
    expect(await same(rows)).toBe(false);
  });
});
