import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { waitFor } from '@keyfleet/testing';
import { type WebSocket, WebSocketServer } from 'ws';
import { createLiveConnection } from './live-connection';

const QUIET_MS = 25;
/** Long enough for a busy machine to answer in, where a server answers. */
const ANSWER_MS = 1_500;

let server: WebSocketServer;
/** In the order in which they came. */
let sockets: WebSocket[];
/** How often the last of them was pinged. */
let pings: number;

/** A server of the protocol that acknowledges, answers pings, and has nothing else to say. */
beforeEach(async () => {
  sockets = [];
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    sockets.push(socket);
    pings = 0;
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data)) as { type: string };
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type === 'ping') {
        pings += 1;
        socket.send('{"type":"pong"}');
      }
    });
  });
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of sockets) socket.terminate();
  server.close();
});

/** What whoever shows the state of the connection is told, in order. */
function follow(quietMs = QUIET_MS) {
  const { port } = server.address() as AddressInfo;
  const said: ('live' | 'pinging' | 'lost')[] = [];
  const client = createLiveConnection({
    url: `ws://127.0.0.1:${port}`,
    quietMs,
    answerMs: ANSWER_MS,
    ceilingMs: 20,
  });
  client.on('connected', () => said.push('live'));
  client.on('ping', (received) => !received && said.at(-1) !== 'pinging' && said.push('pinging'));
  client.on('closed', () => said.push('lost'));
  const nothing = () => undefined;
  const sink = { next: nothing, error: nothing, complete: nothing };
  const stop = client.subscribe({ query: 'subscription { a }' }, sink);
  return { said, stop };
}

describe('the live connection', () => {
  it('repro-dead-connection: is lost when pings are not answered, though nothing closes it, and comes back by itself', async () => {
    const { said, stop } = follow();
    await waitFor(() => said.includes('live'));
    const [first] = sockets;
    if (!first) throw new Error('no connection');
    // As a process that hangs, or a network that swallows every packet: the socket stays open.
    first.pause();
    await waitFor(() => said.includes('lost'), { what: 'That the connection is lost' });
    expect(first.readyState).toBe(first.OPEN);
    await waitFor(() => said.length === 5);
    expect(said).toEqual(['live', 'pinging', 'lost', 'live', 'pinging']);
    expect(sockets).toHaveLength(2);
    stop();
  });

  it('stays for as long as pings are answered', async () => {
    const { said, stop } = follow();
    const began = performance.now();
    await waitFor(() => pings > 3 && performance.now() - began > 2 * ANSWER_MS);
    expect(said).toEqual(['live', 'pinging']);
    stop();
  });

  it('is not cut for a ping that the one before it left unanswered', async () => {
    const { said, stop } = follow(2 * ANSWER_MS);
    await waitFor(() => said.includes('live'));
    const [first] = sockets;
    first?.pause();
    await waitFor(() => said.includes('pinging'));
    // Closed by what stands between, before the time for an answer is over.
    first?.terminate();
    await waitFor(() => said.length === 5);
    expect(said).toEqual(['live', 'pinging', 'lost', 'live', 'pinging']);
    stop();
  });
});
