import { once } from 'node:events';
import { createTestDatabase, startFaultProxy, type TestDatabase, waitFor } from '@keyfleet/testing';
import { closeSql, createSql, endFrozenSessions, type Sql, transaction } from './index.js';

let database: TestDatabase;
let admin: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = createSql({ url: database.superuserUrl, applicationName: 'admin', max: 2 });
  await admin`create table held (id int primary key)`;
  await admin`insert into held values (1)`;
}, 60_000);
afterAll(async () => {
  await closeSql(admin);
  await database.drop();
});

it('F15: a session whose client froze in the middle of a statement is ended, and no other', async () => {
  const proxy = await startFaultProxy({ port: Number(new URL(database.superuserUrl).port) });
  const frozen = createSql({ url: proxy.through(database.superuserUrl), applicationName: 'frozen', max: 1 });
  const other = createSql({ url: database.superuserUrl, applicationName: 'other', max: 1 });
  const idle = Promise.withResolvers<void>();
  const inTransaction = transaction(other, async (tx) => {
    await tx`select 1`;
    await idle.promise;
  });
  const lost = transaction(frozen, async (tx) => {
    await tx`select 1 from held for update`;
    proxy.set({ mode: 'unanswered' });
    await tx`select ${'x'}::text as never_run`;
  });
  lost.catch(() => undefined);
  const copying = await admin`copy held from stdin`.writable();
  // It is not frozen for long enough at first.
  expect(await endFrozenSessions(admin, 60_000)).toBe(0);
  await waitFor(async () => (await endFrozenSessions(admin, 100)) === 1);
  copying.end('2\n');
  await once(copying, 'finish');
  await admin`update held set id = id + 10`;
  proxy.heal();
  await expect(lost).rejects.toBeDefined();
  idle.resolve();
  await inTransaction;
  await Promise.all([closeSql(frozen, 500), closeSql(other)]);
  await proxy.close();
});
