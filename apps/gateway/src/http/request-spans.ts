import { contextOf, isTracing } from '@keyfleet/platform';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { useTraceId } from './trace.js';

/** A span over each request, under the caller's where it sent a valid `traceparent`. Costs nothing where nothing is traced. */
export function traceRequests(app: NestFastifyApplication): void {
  if (!isTracing()) return;
  const tracer = trace.getTracer('@keyfleet/gateway');
  const spans = new WeakMap<FastifyRequest, Span>();
  const server = app.getHttpAdapter().getInstance();
  const end = (request: FastifyRequest, status?: number): void => {
    const span = spans.get(request);
    if (!span) return;
    spans.delete(request);
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (status === undefined || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  server.addHook('onRequest', (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
    const { traceparent } = request.headers;
    const route = request.routeOptions?.url ?? 'unknown';
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    const parent = contextOf(typeof traceparent === 'string' ? traceparent : undefined);
    const span = tracer.startSpan(
      `${request.method} ${route}`,
      { kind: SpanKind.SERVER, attributes },
      parent,
    );
    spans.set(request, span);
    useTraceId(request, span.spanContext().traceId);
    done();
  });
  // Here the body has been read: what came before ran wherever its last byte arrived.
  server.addHook('preValidation', (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
    const span = spans.get(request);
    if (span) context.with(trace.setSpan(context.active(), span), done);
    else done();
  });
  server.addHook('onRequestAbort', (request: FastifyRequest, done: () => void) => {
    end(request);
    done();
  });
  server.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    end(request, reply.statusCode);
    done();
  });
}
