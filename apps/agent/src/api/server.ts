import type { AgentStatus } from '@keyfleet/contracts/http';
import { type Clock, KeyfleetError } from '@keyfleet/kernel';
import { isUnexpected, type Logger, type Metrics, toProblem } from '@keyfleet/platform';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { AgentVault } from '../vault/create.js';
import { createAuthenticate } from './authenticate.js';
import { Connections } from './connections.js';
import { secretRoutes } from './secrets.routes.js';
import { vaultRoutes } from './vault.routes.js';
import './context.js';

export interface ApiOptions {
  readonly agent: AgentVault;
  readonly status: () => Promise<AgentStatus>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  readonly metrics: Metrics;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Open at once; one more is closed before anything is read of it. */
  readonly maxConnections: number;
  /** PEM. */
  readonly tls: { readonly certificate: string; readonly privateKey: string };
}

export interface Api {
  readonly url: string;
  /** For a certificate that was renewed; connections that are open stay as they are. */
  useCertificate(tls: ApiOptions['tls']): void;
  /** Requests under way may end for five seconds; then their connections are cut. */
  close(): Promise<void>;
}

/** Far below what a whole process has for its end: what the agent keeps comes after its slowest client. */
const CLOSE_MS = 5_000;
/** Who opens a connection and says nothing keeps it this long at most. */
const HANDSHAKE_MS = 10_000;

/** The agent's API on a port of its own, TLS 1.3 only. Resolves once it listens. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const app = createApp(options);
  const connections = new Connections(app.server);
  const address = await app.listen({ host: options.host, port: options.port });
  const { port } = new URL(address);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `https://${host}:${port}`,
    useCertificate: ({ certificate, privateKey }) =>
      (app.server as unknown as import('node:https').Server).setSecureContext({
        cert: certificate,
        key: privateKey,
        minVersion: 'TLSv1.3',
      }),
    close: async () => {
      const ceiling = setTimeout(() => connections.cut(), CLOSE_MS);
      await app.close().finally(() => clearTimeout(ceiling));
    },
  };
}

function createApp(options: ApiOptions): FastifyInstance {
  const { agent, clock, tls } = options;
  const app = Fastify({
    https: {
      cert: tls.certificate,
      key: tls.privateKey,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_MS,
    },
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 2_048, caseSensitive: true, ignoreTrailingSlash: false },
    frameworkErrors: (error, request, reply) => sendProblem(options, error, request, reply as FastifyReply),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = options.maxConnections;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.decorateRequest('caller');
  const authenticate = createAuthenticate(agent.parts.storage, clock);
  app.addHook('onRequest', async (request) => {
    request.caller = await authenticate(request);
    // Before its body is read, which would be read for nothing.
    if (request.is404) throw new KeyfleetError('request.unknown-operation');
  });
  measure(app, options);
  app.setErrorHandler((error, request, reply) => sendProblem(options, error, request, reply));
  app.setNotFoundHandler((request, reply) => sendProblem(options, { statusCode: 404 }, request, reply));
  app.register(
    async (routes) => {
      secretRoutes(routes, { vault: agent.vault, trail: agent.parts.trail });
      vaultRoutes(routes, { agent, status: options.status });
    },
    { prefix: '/api/v1' },
  );
  return app;
}

function measure(app: FastifyInstance, { metrics, agent }: ApiOptions): void {
  const seconds = metrics.histogram({
    name: 'keyfleet_agent_request_duration_seconds',
    help: 'Requests to the vault, by route and status class.',
    labelNames: ['route', 'method', 'status_class'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
  });
  app.addHook('onResponse', async (request, reply) => {
    const ms = reply.elapsedTime;
    agent.parts.health.took(ms);
    const route = request.routeOptions.url ?? 'none';
    const statusClass = `${Math.floor(reply.statusCode / 100)}xx`;
    seconds.observe({ route, method: request.method, status_class: statusClass }, ms / 1_000);
  });
}

/** What is not ours shows nothing of itself; it is logged by its trace id, without the address asked for. */
function sendProblem(
  { logger }: ApiOptions,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const malformed = isSyntaxError(error) ? { statusCode: 400 } : error;
  const traceId = request.caller?.traceId ?? '0'.repeat(32);
  const [instance = ''] = request.url.split('?', 1);
  if (isUnexpected(malformed)) logger.error({ err: malformed, traceId }, 'A request failed');
  const { status, headers, body } = toProblem(malformed, { instance, traceId });
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(status).headers(headers).send(JSON.stringify(body));
}

/** A body that is no JSON. */
function isSyntaxError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'SyntaxError';
}
