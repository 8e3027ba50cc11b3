import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import cookie from '@fastify/cookie';
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { serveDashboard } from './dashboard/dashboard.js';
import { GatewayModule, type GatewayParts } from './gateway.module.js';
import { AllowedMethods } from './http/allowed-methods.js';
import { answerBroken } from './http/broken-requests.js';
import { ProblemFilter } from './http/problem.filter.js';
import { securityHeaders } from './http/security-headers.js';
import { validationPipe } from './http/validation.js';
import { serveLive } from './live/live-server.js';
import { openApiDocument } from './openapi/document.js';
import { referencePage } from './openapi/reference-page.js';

/** Bodies of this API are small; anything larger is a mistake or an attack. */
const BODY_LIMIT = 256 * 1024;
/** Policies may be larger; it leaves room for the rest of a command in what the broker carries. */
const POLICY_BODY_LIMIT = 1_000_000;
const WITH_POLICY = /\/policies(?:\/check|\/replay|\/:policy\/draft)?$/;

export interface GatewayEdge {
  readonly trustedProxies: readonly string[];
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Folder of the built dashboard; absent in API tests. */
  readonly dashboard?: string;
}

/** Keeps the error handler set first: routes take the one they find when they are made. */
class EdgeAdapter extends FastifyAdapter {
  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance();
  }
}

/** The gateway as an application that is ready to listen. */
export async function createGateway(parts: GatewayParts, edge: GatewayEdge): Promise<NestFastifyApplication> {
  const methods = new AllowedMethods();
  const filter = new ProblemFilter(parts.logger, methods);
  const adapter = new EdgeAdapter(serverOptions(edge, filter));
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.with(parts), adapter, {
    logger: false,
    // Nest would also read forms, which pages of any origin can send.
    bodyParser: false,
  });
  app.setGlobalPrefix('api/v1', { exclude: [] });
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(filter);
  await app.register(cookie as never);
  const fastify: FastifyInstance = adapter.getInstance();
  fastify.removeContentTypeParser('text/plain');
  fastify.addHook('onRoute', methods.add);
  fastify.addHook('onRoute', (route) => {
    if (WITH_POLICY.test(route.url)) route.bodyLimit = POLICY_BODY_LIMIT;
  });
  fastify.addHook('onRequest', answerHeaders(securityHeaders()));
  // Bodies that cannot be read fail before Nest sees the request.
  fastify.setErrorHandler((error, request, reply) => filter.answer(error, request, reply));
  const document = openApiDocument(app);
  const page = referencePage(document);
  fastify.get('/api/openapi.json', (_request, reply) => reply.send(document));
  fastify.get('/api/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  if (edge.dashboard !== undefined) await serveDashboard(fastify, edge.dashboard);
  await app.init();
  serveLive(fastify, { ...parts, schema: app.get(GraphQLSchemaHost).schema });
  return app;
}

/** Answers of the API are for their reader alone; the dashboard's files say for themselves. */
function answerHeaders(always: Readonly<Record<string, string>>) {
  const ofApi = { ...always, 'cache-control': 'no-store' };
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    reply.headers(request.url.startsWith('/api/') ? ofApi : always);
    done();
  };
}

function serverOptions(edge: GatewayEdge, filter: ProblemFilter): object {
  const { tls, trustedProxies } = edge;
  return {
    bodyLimit: BODY_LIMIT,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    logger: false,
    // Any other upgrade that is offered (h2c) is left aside and the request answered as it is.
    http: { shouldUpgradeCallback: isWebSocket },
    clientErrorHandler: answerBroken,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      filter.answer(error, request, reply),
    routerOptions: {
      caseSensitive: true,
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
      maxParamLength: 200,
    },
    ...(tls
      ? {
          https: {
            cert: readFileSync(tls.certificateFile),
            key: readFileSync(tls.keyFile),
            minVersion: 'TLSv1.3',
            shouldUpgradeCallback: isWebSocket,
          },
        }
      : {}),
  };
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}
