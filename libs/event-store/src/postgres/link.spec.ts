import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import { Link, type LinkOptions } from './link.js';
import type { Step } from './steps.js';

const options = (url: string, change: Partial<LinkOptions> = {}): LinkOptions => ({
  url,
  name: 'spec',
  connections: 1,
  statementTimeoutMs: 5_000,
  deadlineMs: 10_000,
  onStep: () => {},
  ...change,
});

describe('a link to PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('gives the rows of a statement that follows one broken off half-way', async () => {
    const link = new Link(options(database.url));
    const broken = link.run((sql) => sql`select 1 / (3 - n) from generate_series(1, 5) n`);
    await expect(broken).rejects.toMatchObject({ code: '22012' });
    const rows = await link.run((sql) => sql`select n from generate_series(7, 8) n`);
    expect([...rows]).toEqual([{ n: 7 }, { n: 8 }]);
    await link.close();
  });

  it('is unavailable where a statement takes too long, and says the code as a step', async () => {
    const steps: Step[] = [];
    const link = new Link(
      options(database.url, { statementTimeoutMs: 50, onStep: (step) => steps.push(step) }),
    );
    await expect(link.run((sql) => sql`select pg_sleep(20)`)).rejects.toMatchObject({
      code: 'store.unavailable',
    });
    expect(steps).toEqual([{ step: 'failed', link: 'spec', code: '57014' }]);
    await link.close();
  });

  it('never loses a commit, whatever the server has as its default', async () => {
    const link = new Link(options(database.url));
    const [row] = await link.run((sql) => sql`select current_setting('synchronous_commit') as setting`);
    expect(row).toEqual({ setting: 'on' });
    await link.close();
  });
});

describe('F19: a server that hangs', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is given up at the deadline, and the next statement gets another connection', async () => {
    const { port } = server.address() as AddressInfo;
    const link = new Link(options(`postgres://x@127.0.0.1:${port}/x`, { deadlineMs: 100 }));
    const ask = () =>
      expect(link.run((sql) => sql`select 1`)).rejects.toMatchObject({ code: 'store.unavailable' });
    await ask();
    await ask();
    expect(sockets.size).toBe(2);
    await link.close();
  });
});
