import { createDatabase, dropDatabase, urlAs, urlOfDatabase } from '@keyfleet/embedded';
import { closeSql, createSql } from '@keyfleet/postgres';
import { migrate } from '@keyfleet/read-store';
import { createTestDatabase, testPostgres } from '@keyfleet/testing';
import { REGISTRY_MIGRATIONS } from './migration-sets.js';
import { prepareServer } from './prepare-server.js';

async function ownerOf(url: string): Promise<string> {
  const sql = createSql({ url, applicationName: 'test', max: 1 });
  const [row] = await sql<{ owner: string }[]>`
    select pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()`;
  await closeSql(sql);
  return row?.owner ?? '';
}

describe('a server of one’s own', () => {
  it('gets the database, or gives a present one to the migrations, and keeps what has no password here', async () => {
    const { superuserUrl } = await testPostgres();
    const known = await createTestDatabase();
    const password = new URL(known.url).password;
    for (const name of ['prepared_new', 'prepared_known']) {
      if (name === 'prepared_known') await createDatabase({ url: superuserUrl }, name);
      const ownerUrl = urlAs(urlOfDatabase(superuserUrl, name), 'kf_owner', password);
      for (let times = 0; times < 2; times += 1)
        await prepareServer({ adminUrl: superuserUrl, ownerUrl, passwords: { store: undefined } });
      expect(await ownerOf(ownerUrl)).toBe('kf_owner');
      expect(await migrate({ ownerUrl, sets: REGISTRY_MIGRATIONS })).toBeGreaterThan(0);
      expect(await migrate({ ownerUrl, sets: REGISTRY_MIGRATIONS })).toBe(0);
      await dropDatabase({ url: superuserUrl }, name);
    }
    await known.drop();
  }, 60_000);
});
