import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { serveDashboard } from './dashboard/dashboard.js';
import { GatewayModule, type GatewayParts } from './gateway.module.js';
import { ProblemFilter } from './http/problem.filter.js';
import { validationPipe } from './http/validation.js';
import { openApiDocument } from './openapi/document.js';
import { referencePage } from './openapi/reference-page.js';

/** Bodies of this API are small; anything larger is a mistake or an attack. */
const BODY_LIMIT = 256 * 1024;

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
  const adapter = new EdgeAdapter(serverOptions(edge));
  const filter = new ProblemFilter(parts.logger);
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.with(parts), adapter, {
    logger: false,
  });
  app.setGlobalPrefix('api/v1', { exclude: [] });
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(filter);
  await app.register(cookie as never);
  await app.register(helmet as never, HEADERS as never);
  const fastify: FastifyInstance = adapter.getInstance();
  // Bodies that cannot be read fail before Nest sees the request.
  fastify.setErrorHandler((error, request, reply) => filter.answer(error, request, reply));
  const document = openApiDocument(app);
  fastify.get('/api/openapi.json', (_request, reply) => reply.send(document));
  fastify.get('/api/docs', (_request, reply) => reply.type('text/html').send(referencePage(document)));
  if (edge.dashboard !== undefined) await serveDashboard(fastify, edge.dashboard);
  await app.init();
  return app;
}

function serverOptions(edge: GatewayEdge): object {
  const { tls, trustedProxies } = edge;
  return {
    bodyLimit: BODY_LIMIT,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    logger: false,
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
          },
        }
      : {}),
  };
}

const HEADERS = {
  contentSecurityPolicy: {
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      // The component library writes style elements; scripts stay strict.
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      frameAncestors: ["'none'"],
      objectSrc: ["'none'"],
      upgradeInsecureRequests: null,
    },
  },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: false,
};
