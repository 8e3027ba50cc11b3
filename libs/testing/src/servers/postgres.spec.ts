import postgres from 'postgres';
import { createTestDatabase } from './postgres.js';

describe('test databases', () => {
  it('are empty, owned by the migrations role and reachable by every role', async () => {
    const database = await createTestDatabase();
    const owner = postgres(database.url, { max: 1 });
    const reader = postgres(database.urlFor('kf_reader'), { max: 1 });
    try {
      await owner`create schema registry`;
      expect(await reader`select current_user as role, current_database() as name`).toEqual([
        { role: 'kf_reader', name: database.name },
      ]);
    } finally {
      await Promise.all([owner.end(), reader.end()]);
      await database.drop();
    }
  });

  it('copy a template that is prepared once, even when asked for at the same time', async () => {
    let prepared = 0;
    const template = {
      key: 'spec_once',
      prepare: async (database: { url: string }) => {
        prepared += 1;
        const sql = postgres(database.url, { max: 1 });
        await sql`create table marks (n int)`;
        await sql.end();
      },
    };
    const databases = await Promise.all([1, 2, 3].map(() => createTestDatabase({ template })));
    for (const database of databases) {
      const sql = postgres(database.url, { max: 1 });
      expect(await sql`select count(*)::int as n from marks`).toEqual([{ n: 0 }]);
      await sql`insert into marks values (1)`;
      await sql.end();
      await database.drop();
    }
    expect(prepared).toBe(1);
  });
});
