import type { Metrics } from '@keyfleet/platform';
import { children } from '@keyfleet/telemetry';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Rate, errors and duration of requests by route template, and how many are under way. */
export function measureRequests(app: NestFastifyApplication, metrics: Metrics): void {
  const duration = metrics.histogram({
    name: 'keyfleet_http_request_duration_seconds',
    help: 'Time to answer a request, by route template and class of status.',
    labelNames: ['method', 'route', 'status_class'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10],
  });
  const inFlight = metrics.gauge({
    name: 'keyfleet_http_requests_in_flight',
    help: 'Requests that are being answered.',
  });
  // As many as there are routes: what matches none has one name for all.
  const of = children((key: string) => {
    const [method = '', statusClass = '', route = ''] = key.split(' ');
    return duration.labels(method, route, statusClass);
  });
  let underWay = 0;
  const counted = new WeakSet<FastifyRequest>();
  const leave = (request: FastifyRequest): void => {
    if (counted.delete(request)) inFlight.set((underWay -= 1));
  };
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
    counted.add(request);
    inFlight.set((underWay += 1));
    done();
  });
  // A caller that hangs up is never answered.
  server.addHook('onRequestAbort', (request: FastifyRequest, done: () => void) => {
    leave(request);
    done();
  });
  server.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    leave(request);
    const route = request.routeOptions?.url ?? 'unknown';
    of(`${request.method} ${Math.floor(reply.statusCode / 100)}xx ${route}`).observe(
      reply.elapsedTime / 1_000,
    );
    done();
  });
}
