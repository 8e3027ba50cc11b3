import { connect } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { testNats, testRedis } from './brokers.js';

it('a private NATS answers, and its configuration file is the one given', async () => {
  const server = await testNats('listen: "127.0.0.1:-1"\nmax_payload: 4096\n');
  const connection = await connect({ servers: server.url });
  expect(connection.info?.max_payload).toBe(4096);
  await connection.close();
  await server.stop();
});

it('a private Redis never evicts and asks for its password', async () => {
  const server = await testRedis();
  const redis = new Redis(server.url);
  expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  redis.disconnect();
  const stranger = new Redis({ host: server.host, port: server.port, retryStrategy: () => null });
  stranger.on('error', () => {});
  await expect(stranger.get('x')).rejects.toThrow(/NOAUTH/);
  stranger.disconnect();
  await server.stop();
});
