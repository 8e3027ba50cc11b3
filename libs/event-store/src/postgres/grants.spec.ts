import postgres, { type Sql } from 'postgres';
import { event, everything } from '../contract/fixture.contract.js';
import { sharedFixture } from './fixture.contract.js';

describe('the rights of the store role', () => {
  const openFixture = sharedFixture();

  it('let it append, read, trim and erase, and change no row in any other way', async () => {
    const fixture = await openFixture();
    await fixture.store.append('agent-1', 'no-stream', [event(), event()]);
    const sql = postgres(fixture.database.urlFor('kf_store'), { max: 1 });
    const forbidden: ((sql: Sql) => PromiseLike<unknown>)[] = [
      (sql) => sql`delete from store.events`,
      (sql) => sql`update store.events set data = '{}'`,
      (sql) => sql`insert into store.streams (stream) values ('agent-2')`,
      (sql) => sql`update store.streams set floor = 9`,
      (sql) => sql`update store.floor set position = 9`,
      (sql) => sql`truncate store.events`,
      (sql) => sql`drop table store.events`,
      (sql) => sql`create table store.mine (n int)`,
    ];
    for (const attempt of forbidden)
      await expect(attempt(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^42501$/) });
    await sql.end();
    expect(await everything(fixture.store)).toHaveLength(2);
    await fixture.close();
  });

  it('are its own: no other service role sees an event or can append', async () => {
    const fixture = await openFixture();
    for (const role of ['kf_worker', 'kf_auth', 'kf_reader'] as const) {
      const sql = postgres(fixture.database.urlFor(role), { max: 1 });
      await expect(sql`select 1 from store.events`).rejects.toMatchObject({ code: '42501' });
      await expect(sql`select store.position_before(now())`).rejects.toMatchObject({ code: '42501' });
      await sql.end();
    }
    await fixture.close();
  });

  it('hold for every function of the schema: none can be run by everybody', async () => {
    const fixture = await openFixture();
    const sql = postgres(fixture.database.superuserUrl, { max: 1 });
    const open = await sql`
      select p.proname from pg_proc p
       where p.pronamespace = 'store'::regnamespace and has_function_privilege('kf_reader', p.oid, 'execute')`;
    expect([...open]).toEqual([]);
    await sql.end();
    await fixture.close();
  });
});
