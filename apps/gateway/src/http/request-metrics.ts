import type { Metrics } from '@keyfleet/platform';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Gauge } from 'prom-client';
import type { FleetFeed } from '../feed/fleet-feed.js';

/** Rate, errors and duration of requests by route template, and how many subscribers the feed has. */
export function measureRequests(app: NestFastifyApplication, metrics: Metrics, feed: FleetFeed): void {
  const duration = metrics.histogram({
    name: 'keyfleet_http_request_duration_seconds',
    help: 'Time to answer a request, by route template and class of status.',
    labelNames: ['method', 'route', 'status_class'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10],
  });
  const subscribers: Gauge = metrics.gauge({
    name: 'keyfleet_feed_subscribers',
    help: 'Live subscriptions to fleet changes.',
    collect: () => {
      subscribers.set(feed.subscribers);
    },
  });
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      const labels = {
        method: request.method,
        route: request.routeOptions?.url ?? 'unknown',
        status_class: `${Math.floor(reply.statusCode / 100)}xx`,
      };
      duration.observe(labels, reply.elapsedTime / 1_000);
      done();
    });
}
