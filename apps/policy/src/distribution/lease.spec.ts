import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { migrate, projectionsMigrations } from '@keyfleet/read-store';
import { createTestDatabase, type TestDatabase, waitFor } from '@keyfleet/testing';
import { type Fence, LeaseLostError, underLease } from './lease.js';

let database: TestDatabase;
let sql: Sql;
let stop: AbortController;
let running: Promise<void>[];

beforeAll(async () => {
  database = await createTestDatabase();
  const sets = [{ owner: 'projections', migrations: projectionsMigrations }];
  await migrate({ ownerUrl: database.url, sets });
  sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'spec', max: 4 });
}, 60_000);
beforeEach(() => {
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
});
afterAll(async () => {
  await closeSql(sql);
  await database.drop();
});

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

interface Holding {
  readonly who: string;
  readonly fence: Fence;
  readonly signal: AbortSignal;
}

/** So many replicas that write down each time they hold the lease. */
function replicas(name: string, whos: readonly string[], ttlMs = 600): Holding[] {
  const held: Holding[] = [];
  for (const who of whos)
    running.push(
      underLease({
        ...{ sql, name, signal: stop.signal, ttlMs, retryMs: 50, onError: () => {} },
        work: async (fence, signal) => {
          held.push({ who, fence, signal });
          await untilAborted(signal);
        },
      }),
    );
  return held;
}

const write = ({ fence }: Holding) => transaction(sql, (tx) => fence(tx));

describe('the lease of distribution', () => {
  it('is held by one of many, for as long as it renews it', async () => {
    const held = replicas('policy.one', ['a', 'b', 'c']);
    const first = await waitFor(() => held[0]);
    const until = async () => {
      const [row] = await sql`select until from projections.leases where projection = 'policy.one'`;
      return String(row?.['until']);
    };
    const begun = await until();
    for (let renewals = 0, last = begun; renewals < 3; renewals += 1) {
      const seen = last;
      last = await waitFor(async () => (await until()) !== seen && (await until()));
    }
    await write(first);
    expect(held).toHaveLength(1);
  });

  it('F15: lets nobody write who stood still while another took it over', async () => {
    const held = replicas('policy.two', ['a', 'b'], 5_000);
    const first = await waitFor(() => held[0]);
    await sql`update projections.leases set until = now() - interval '1 s' where projection = 'policy.two'`;
    const second = await waitFor(() => held.find(({ who }) => who !== first.who));
    await expect(write(first)).rejects.toBeInstanceOf(LeaseLostError);
    await write(second);
    await waitFor(() => first.signal.aborted);
  });
});
