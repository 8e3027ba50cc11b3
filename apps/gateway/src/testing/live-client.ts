import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export interface LiveMessage {
  readonly data?: {
    readonly fleetChanged: { reset: boolean; readModels: string[]; agents: { id: string }[] };
  };
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

export interface Following {
  readonly messages: readonly LiveMessage[];
  /** `complete`, or what ended the subscription. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

const socketUrl = (app: NestFastifyApplication) =>
  `ws://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/api/graphql`;

/** A graphql-ws client of this gateway whose upgrade carries these headers. */
export function liveClient(app: NestFastifyApplication, headers: Record<string, string>): Client {
  class WithHeaders extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers });
    }
  }
  return createClient({ url: socketUrl(app), webSocketImpl: WithHeaders, retryAttempts: 0 });
}

export function follow(client: Client, query: string, variables: Record<string, unknown> = {}): Following {
  const messages: LiveMessage[] = [];
  let stop = () => {};
  const ended = new Promise<unknown>((resolve) => {
    stop = client.subscribe<LiveMessage['data']>(
      { query, variables },
      {
        next: (message) => void messages.push(message as LiveMessage),
        error: resolve,
        complete: () => resolve('complete'),
      },
    );
  });
  return { messages, ended, stop: () => stop() };
}

/** The bare socket, for what no client of the protocol would do. */
export async function rawSocket(
  app: NestFastifyApplication,
  headers: Record<string, string>,
  protocol = 'graphql-transport-ws',
): Promise<WebSocket> {
  const socket = new WebSocket(socketUrl(app), protocol, { headers });
  await once(socket, 'open');
  return socket;
}

/** Status and body an upgrade is refused with. */
export async function refusedUpgrade(
  app: NestFastifyApplication,
  headers: Record<string, string>,
  path = '/api/graphql',
): Promise<{ status: number; body: { code?: string } }> {
  const url = socketUrl(app).replace('/api/graphql', path);
  const socket = new WebSocket(url, 'graphql-transport-ws', { headers });
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('It was upgraded.')));
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
  });
}
