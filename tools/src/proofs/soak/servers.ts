import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectNats, generateUserSeed, keyPairOf } from '@keyfleet/messaging';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { encodeUser } from '@nats-io/jwt';
import type { NatsConnection } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import type { Stack } from '../../e2e/stack.js';
import type { Point } from './judge.js';

export type Counts = Readonly<Record<string, Point[]>>;

/** What the three servers count of their clients, asked over connections of our own that are always the same. */
export class Servers {
  readonly #sql: Sql;
  readonly #redis: Redis;
  readonly #broker: NatsConnection;
  readonly #points: Record<string, Point[]> = {};

  private constructor(sql: Sql, redis: Redis, broker: NatsConnection) {
    this.#sql = sql;
    this.#redis = redis;
    this.#broker = broker;
  }

  static async connect({ run, directory }: Stack): Promise<Servers> {
    const sql = createSql({ url: run.postgres.url, applicationName: 'soak', max: 1 });
    return new Servers(sql, new Redis(run.redis.url), await connectAsSystem(directory, run.nats.url));
  }

  get counts(): Counts {
    return this.#points;
  }

  async sample(): Promise<void> {
    const [row] = await this.#sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`;
    const clients = /connected_clients:(\d+)/.exec(await this.#redis.info('clients'))?.[1];
    const answer = await this.#broker.request('$SYS.REQ.SERVER.PING.VARZ', '', { timeout: 5_000 });
    const { data } = answer.json<{ data: { connections: number; subscriptions: number } }>();
    this.#note('PostgreSQL connections', row?.n ?? 0);
    this.#note('Redis connections', Number(clients ?? 0));
    this.#note('NATS connections', data.connections);
    this.#note('NATS subscriptions', data.subscriptions);
  }

  #note(name: string, value: number): void {
    const points = this.#points[name] ?? [];
    points.push({ at: Date.now(), value });
    this.#points[name] = points;
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await Promise.all([closeSql(this.#sql), this.#broker.close()]);
  }
}

/** As a user of the system account that may ask: the installation's own may not, and has no reason to. */
async function connectAsSystem(directory: string, url: string): Promise<NatsConnection> {
  const file = (...path: readonly string[]): string =>
    readFileSync(join(directory, '.keyfleet', ...path), 'utf8').trim();
  const seed = generateUserSeed();
  const jwt = await encodeUser(
    'soak',
    keyPairOf(seed),
    keyPairOf(file('authority', 'root/system-account.nk')),
    {},
  );
  return connectNats({
    servers: [url],
    name: 'soak',
    inboxPrefix: '_INBOX.soak',
    identity: () => ({
      ...{ jwt, seed },
      certificate: file('authority', 'system.crt'),
      privateKey: file('authority', 'system.key'),
      trustBundle: file('services', 'registry', 'ca.crt'),
    }),
  });
}
