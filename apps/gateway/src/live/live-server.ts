import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import type { FastifyInstance } from 'fastify';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer, type Server } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Actor } from '../access/actor.js';
import type { Authenticator } from '../access/authenticator.js';
import { isSameOrigin } from '../access/origin.js';
import type { FleetFeed } from '../feed/fleet-feed.js';
import { formatError } from '../graphql/errors.js';
import { GRAPHQL_LIMITS, refused } from '../graphql/limits.js';
import { rawProblem } from '../http/broken-requests.js';
import type { Logger } from '../http/logger.js';
import { traceIdOf } from '../http/trace.js';
import { LiveSockets } from './live-sockets.js';
import { type OperationOptions, toOperation, type UpgradeRequest } from './operations.js';

const PATH = '/api/graphql';
/** An operation and its variables; four bytes for a character at most. */
const MAX_MESSAGE = GRAPHQL_LIMITS.characters * 4;
const MAX_SUBSCRIPTIONS = 10;
/** Of one person or token on one replica: many tabs, not a flood. */
const MAX_SOCKETS = 100;
const FIRST_MESSAGE_MS = 5_000;

export interface LiveOptions extends OperationOptions {
  readonly authenticator: Authenticator;
  readonly feed: FleetFeed;
  readonly logger: Logger;
}

interface Extra {
  readonly request: UpgradeRequest;
}

/** GraphQL subscriptions over WebSockets. Who has no credential, or comes from a foreign page, is not upgraded. */
export function serveLive(fastify: FastifyInstance, options: LiveOptions): void {
  const live = new LiveServer(fastify, options);
  fastify.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    live.upgrade(request, socket, head),
  );
  fastify.addHook('preClose', async () => live.close());
}

class LiveServer {
  readonly #fastify: FastifyInstance;
  readonly #options: LiveOptions;
  readonly #sockets: LiveSockets;
  readonly #protocol: Server<Extra>;
  readonly #upgrades = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    handleProtocols: (offered) =>
      offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : false,
  });

  constructor(fastify: FastifyInstance, options: LiveOptions) {
    this.#fastify = fastify;
    this.#options = options;
    this.#sockets = new LiveSockets(options.authenticator);
    this.#protocol = this.#makeProtocol();
    options.feed.onIdentityChange(() => void this.#sockets.recheck());
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The peer may go while it is being proved; nobody waits for it then.
    socket.on('error', () => socket.destroy());
    void this.#admit(request).then(
      ({ actor, upgrade }) =>
        this.#upgrades.handleUpgrade(request, socket, head, (opened) => this.#open(opened, actor, upgrade)),
      (error: unknown) => {
        if (!isKeyfleetError(error)) this.#options.logger.error({ err: error }, 'an upgrade failed');
        socket.end(rawProblem(isKeyfleetError(error) ? error : new KeyfleetError('store.unavailable'), PATH));
      },
    );
  }

  close(): void {
    this.#sockets.close();
    this.#upgrades.close();
  }

  async #admit(request: IncomingMessage): Promise<{ actor: Actor; upgrade: UpgradeRequest }> {
    if (request.url?.split('?', 1)[0] !== PATH) throw new KeyfleetError('request.unknown-operation');
    if (!isSameOrigin({ headers: request.headers })) throw new KeyfleetError('auth.origin');
    const cookies = this.#fastify.parseCookie(request.headers.cookie ?? '');
    const upgrade = { headers: request.headers, cookies };
    const actor = await this.#options.authenticator.authenticate(upgrade);
    if (actor === null) throw new KeyfleetError('auth.required');
    if (this.#sockets.countOf(actor) >= MAX_SOCKETS)
      throw new KeyfleetError('rate.limited', { retryAfterMs: 10_000 });
    return { actor, upgrade };
  }

  #open(socket: WebSocket, actor: Actor, request: UpgradeRequest): void {
    this.#sockets.add(socket, actor);
    // A peer that breaks the protocol or vanishes; `ws` closes the socket itself.
    socket.on('error', () => undefined);
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => send(socket, text),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) =>
          socket.on('message', (message) => {
            void take(String(message)).catch((error: unknown) => this.#failed(socket, error));
          }),
      },
      { request },
    );
    socket.once('close', (code, reason) => {
      void closed(code, String(reason)).catch((error: unknown) => this.#failed(socket, error));
    });
  }

  #failed(socket: WebSocket, error: unknown): void {
    this.#options.logger.error({ err: error }, 'a live socket failed');
    socket.terminate();
  }

  #makeProtocol(): Server<Extra> {
    const format = (errors: readonly (GraphQLError | GraphQLFormattedError)[], { request }: Extra) =>
      errors.map((error) => formatError(asError(error), traceIdOf(request), this.#options.logger));
    return makeServer<Record<string, unknown>, Extra>({
      connectionInitWaitTimeout: FIRST_MESSAGE_MS,
      onSubscribe: ({ extra, subscriptions }, _id, asked) =>
        Object.keys(subscriptions).length > MAX_SUBSCRIPTIONS
          ? [refused(`One socket carries at most ${MAX_SUBSCRIPTIONS} subscriptions.`)]
          : toOperation(asked, extra.request, this.#options),
      onError: ({ extra }, _id, _asked, errors) => format(errors, extra),
      onNext: (...[{ extra }, , , , result]) =>
        result.errors ? { ...result, errors: format(result.errors, extra) as never } : undefined,
    });
  }
}

/** Resolves once the message left, so that a slow reader is waited for instead of buffered. */
function send(socket: WebSocket, text: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  // It closed meanwhile: its `close` ends what it subscribed to.
  return new Promise((resolve) => socket.send(text, () => resolve()));
}

function asError(error: GraphQLError | GraphQLFormattedError): GraphQLError {
  return error instanceof GraphQLError ? error : new GraphQLError(error.message);
}
