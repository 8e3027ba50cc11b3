import { readFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { connectNats, generateUserSeed, keyPairOf } from '@keyfleet/messaging';
import { encodeUser } from '@nats-io/jwt';
import type { NatsConnection } from '@nats-io/transport-node';
import { Recorded } from './places.js';

/** Everything that goes over the broker, seen by a user of our own who may hear all of it. */
export async function recordBroker(
  state: string,
  natsUrl: string,
): Promise<{ place: Recorded; close(): Promise<void> }> {
  const authority = join(state, 'authority');
  const text = (path: string) => readFileSync(path, 'utf8');
  const { account } = JSON.parse(text(join(authority, 'installation.json'))) as { account: string };
  const seed = generateUserSeed();
  const everything = { allow: ['>'], deny: [] };
  const jwt = await encodeUser(
    'recorder',
    keyPairOf(seed),
    account,
    { pub: everything, sub: everything },
    { signer: keyPairOf(text(join(authority, 'services.nk')).trim()) },
  );
  const service = join(state, 'services', 'gateway');
  const identity = {
    jwt,
    seed,
    certificate: text(join(service, 'tls.crt')),
    privateKey: text(join(service, 'tls.key')),
    trustBundle: text(join(service, 'ca.crt')),
  };
  const connection: NatsConnection = await connectNats({
    servers: [natsUrl],
    identity: () => identity,
    inboxPrefix: '_INBOX.recorder',
    name: 'recorder',
  });
  const place = new Recorded('NATS traffic', async (leak) => {
    connection.publish('kf.planted.leak', leak);
    await connection.flush();
  });
  connection.subscribe('>', {
    callback: (_error, message) =>
      place.add(
        Buffer.concat([
          Buffer.from(`${message.subject} ${message.reply ?? ''} ${headersOf(message)}\n`),
          message.data,
          Buffer.from('\n'),
        ]),
      ),
  });
  await connection.flush();
  return { place, close: () => connection.close() };
}

function headersOf(message: { headers?: { keys(): string[]; values(key: string): string[] } }): string {
  const { headers } = message;
  return headers
    ? headers
        .keys()
        .map((key) => `${key}: ${headers.values(key).join(', ')}`)
        .join('\n')
    : '';
}

export interface RecordedGateway {
  readonly url: string;
  readonly place: Recorded;
  close(): Promise<void>;
}

/** A way to the gateway that writes down both directions of every connection. */
export async function recordGateway(gatewayUrl: string): Promise<RecordedGateway> {
  const { hostname, port } = new URL(gatewayUrl);
  const sockets = new Set<Socket>();
  const place = new Recorded('HTTP and WebSocket traffic', async (leak) => {
    await fetch(`${url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(leak),
    }).then((answer) => answer.arrayBuffer());
  });
  const server: Server = createServer((near) => {
    const far = connectTcp(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        place.add(chunk);
        to.write(chunk);
      });
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url, place, close };
}
