import { setTimeout as pause } from 'node:timers/promises';
import { createTestDatabase, startFaultProxy, type TestDatabase, waitFor } from '@keyfleet/testing';
import fc from 'fast-check';
import { closeSql, createSql, postgresFailure, type Sql, transaction } from './index.js';

let database: TestDatabase;
let admin: Sql;
const pools: Sql[] = [];

function pool(max = 2, url = database.url): Sql {
  const sql = createSql({ url, applicationName: 'victim', max });
  pools.push(sql);
  return sql;
}

const killVictims = () =>
  admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and datname = ${database.name}`;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = createSql({ url: database.superuserUrl, applicationName: 'admin', max: 2 });
  await admin`create table marks (tx text, part int)`;
  await admin`grant all on marks to kf_owner`;
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((sql) => closeSql(sql, 1_000)));
  await admin`truncate marks`;
});

afterAll(async () => {
  await closeSql(admin);
  await database.drop();
});

describe('values', () => {
  it('keeps 64-bit integers whole and times to the microsecond, in UTC', async () => {
    const sql = pool();
    const at = '2026-01-02T03:04:05.123456Z';
    const [row] = await sql`
      select ${9007199254740993n}::bigint as n, ${at}::timestamptz as at, ${at}::timestamptz = '2026-01-02 03:04:05.123456+00' as same,
             array[${at}::timestamptz] as list, '2026-01-02'::date as day, ${{ a: [1] } as never}::jsonb as data`;
    expect(row).toEqual({
      n: 9007199254740993n,
      at,
      same: true,
      list: [at],
      day: '2026-01-02',
      data: { a: [1] },
    });
  });

  it('gives arrays back as they were sent, whatever is in them', async () => {
    const sql = pool();
    const element = fc.option(
      fc.oneof(fc.string(), fc.constantFrom('NULL', '', '{}', '"', '\\\\', ',', ' a ')),
      { nil: null },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(element),
        fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
        async (texts, numbers) => {
          const list = texts.map((text) => text?.replaceAll('\0', '') ?? null);
          const [row] =
            await sql`select ${list}::text[] as texts, ${sql.array(numbers)}::int8[] as numbers, '[0:1]={a,b}'::text[] as bounded`;
          expect(row).toEqual({ texts: list, numbers, bounded: ['a', 'b'] });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('sets the timeouts that keep a forgotten transaction from holding its locks', async () => {
    const sql = pool();
    const rows = await sql`
      select name, setting from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'TimeZone') order by name`;
    expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
      TimeZone: 'UTC',
      statement_timeout: '30000',
      lock_timeout: '10000',
      idle_in_transaction_session_timeout: '10000',
    });
  });
});

describe('transactions', () => {
  it('commit whole or not at all', async () => {
    const sql = pool();
    await transaction(sql, async (tx) => {
      await tx`insert into marks ${tx([
        { tx: 'a', part: 1 },
        { tx: 'a', part: 2 },
      ])}`;
    });
    const failed = transaction(sql, async (tx) => {
      await tx`insert into marks values ('b', 1)`;
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await sql`select tx, part from marks order by part`).toEqual([
      { tx: 'a', part: 1 },
      { tx: 'a', part: 2 },
    ]);
  });

  it('reject where a failed statement was swallowed', async () => {
    const sql = pool();
    const swallowed = transaction(sql, async (tx) => {
      await tx`insert into marks values ('a', 1)`;
      await tx`select 1 / 0`.catch(() => undefined);
    });
    await expect(swallowed).rejects.toMatchObject({ code: '22012' });
    expect(await sql`select * from marks`).toEqual([]);
  });

  it('can be read only and repeatable', async () => {
    const sql = pool();
    const write = transaction(sql, (tx) => tx`insert into marks values ('a', 1)`, { readOnly: true });
    await expect(write).rejects.toMatchObject({ code: '25006' });
    const level = await transaction(sql, (tx) => tx`show transaction_isolation`, {
      isolation: 'repeatable read',
    });
    expect(level[0]).toEqual({ transaction_isolation: 'repeatable read' });
  });
});

describe('a lost connection', () => {
  it.each([1, 2])(
    'F19: rejects the rest of its transaction and runs none of it elsewhere (pool of %d)',
    async (max) => {
      const sql = pool(max);
      const lost = transaction(sql, async (tx) => {
        await tx`insert into marks values ('lost', 1)`;
        await killVictims();
        // The same connection serves somebody else meanwhile.
        await waitFor(async () => (await sql`select 1 as one`)[0]?.one === 1);
        await tx`insert into marks values ('lost', 2)`;
      });
      await expect(lost).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
      expect(await sql`select * from marks`).toEqual([]);
    },
  );

  it('F19: rejects the statement it cut and answers the next', async () => {
    const sql = pool(1);
    const cut = transaction(sql, (tx) => tx`select pg_sleep(20)`);
    cut.catch(() => undefined);
    await waitFor(async () => {
      const [row] =
        await admin`select count(*)::int as n from pg_stat_activity where query like 'select pg_sleep(20)%'`;
      return row?.n === 1 && (await killVictims());
    });
    const error = await cut.catch((caught: unknown) => caught);
    expect(postgresFailure(error)).toBe('unavailable');
    await waitFor(async () => (await sql`select 1 as one`)[0]?.one === 1);
  });

  it('F19: under connections cut at random every statement settles, no transaction is half done, no connection is lost for good', async () => {
    const seed = Date.now();
    const random = generator(seed);
    const proxy = await startFaultProxy({ port: Number(new URL(database.url).port) });
    const sql = pool(4, proxy.through(database.url));
    const until = performance.now() + 3_000;
    const committed = new Set<string>();
    const write = async (worker: number): Promise<void> => {
      for (let n = 0; performance.now() < until; n += 1) {
        const tx = `${worker}.${n}`;
        await transaction(sql, async (t) => {
          await t`insert into marks values (${tx}, 1)`;
          await t`insert into marks values (${tx}, 2)`;
        }).then(
          () => committed.add(tx),
          () => undefined,
        );
      }
    };
    const read = async (): Promise<void> => {
      while (performance.now() < until) await sql`select ${random()} as n`.catch(() => undefined);
    };
    let cuts = 0;
    const cut = async (): Promise<void> => {
      for (; performance.now() < until; cuts += 1) {
        if (random() < 0.5) proxy.reset();
        else await killVictims();
        await pause(10 + random() * 40);
      }
    };
    await Promise.all([...[0, 1, 2, 3].map(write), read(), read(), cut()]);

    const rows = await admin`select tx, count(*)::int as parts from marks group by tx`;
    expect({ seed, half: rows.filter((row) => row.parts !== 2) }).toEqual({ seed, half: [] });
    const kept = new Set(rows.map((row) => row.tx as string));
    expect([...committed].filter((tx) => !kept.has(tx))).toEqual([]);
    expect(cuts).toBeGreaterThan(10);
    for (let round = 0; round < 5; round += 1)
      await Promise.all(
        Array.from({ length: 20 }, () =>
          waitFor(async () => (await sql`select pg_sleep(0.001)`).length === 1),
        ),
      );
    await closeSql(sql, 1_000);
    await proxy.close();
  });

  it('F19: gives up on a server that holds the connection and says nothing, and finds it again', async () => {
    const proxy = await startFaultProxy({ port: Number(new URL(database.url).port) });
    const sql = createSql({
      url: proxy.through(database.url),
      applicationName: 'victim',
      max: 1,
      statementTimeoutMs: 100,
    });
    await sql`select 1`;
    proxy.set({ mode: 'silence' });
    const started = performance.now();
    const error = await sql`select 1`.catch((caught: unknown) => caught);
    expect(postgresFailure(error)).toBe('unavailable');
    expect(performance.now() - started).toBeLessThan(9_000);
    proxy.heal();
    await waitFor(async () => (await sql`select 1 as one`)[0]?.one === 1);
    proxy.set({ mode: 'silence' });
    await closeSql(sql, 100);
    await proxy.close();
  });
});

describe('what a failure means', () => {
  it.each([
    ['22P02', 'data'],
    ['23505', 'data'],
    ['40P01', 'conflict'],
    ['57P01', 'unavailable'],
    ['53100', 'unavailable'],
    ['ECONNREFUSED', 'unavailable'],
    ['CONNECTION_CLOSED', 'unavailable'],
    ['42P01', 'other'],
    ['42501', 'other'],
    ['request.invalid', null],
  ])('%s is %s', (code, kind) => {
    expect(postgresFailure(Object.assign(new Error('x'), { code }))).toBe(kind);
  });

  it('is null for errors that are not the database’s', () => {
    expect(postgresFailure(new TypeError('x'))).toBeNull();
    expect(postgresFailure('x')).toBeNull();
  });
});

/** mulberry32: the seed in a failed run's message gives the same cuts again. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
