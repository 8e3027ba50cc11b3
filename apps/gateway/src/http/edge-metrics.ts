import type { Metrics } from '@keyfleet/platform';
import type { Authenticator } from '../access/authenticator.js';
import type { FeedMetrics, FleetFeed } from '../feed/fleet-feed.js';

const LIMITS = ['sign-in-account', 'sign-in-network', 'enrolment-network', 'enrolment-places'] as const;
/** The limits of the public doors. */
export type Limit = (typeof LIMITS)[number];

export type OnLimited = (limit: Limit) => void;

/** Told each time one of them turned somebody away. */
export function limitMetrics(metrics: Metrics): OnLimited {
  const limited = metrics.counter({
    name: 'keyfleet_rate_limited_total',
    help: 'Requests turned away by a limit, by limit.',
    labelNames: ['limit'],
  });
  // An alert asks for what was added, so each has to begin at nothing.
  for (const limit of LIMITS) limited.inc({ limit }, 0);
  return (limit) => limited.inc({ limit });
}

export function feedMetrics(metrics: Metrics): FeedMetrics {
  const notices = metrics.counter({
    name: 'keyfleet_feed_notices_total',
    help: 'Notices of changed rows that arrived over the change feed.',
  });
  const losses = metrics.counter({
    name: 'keyfleet_feed_losses_total',
    help: 'Times the connection of the change feed was lost; every subscriber then reads anew.',
  });
  const lag = metrics.histogram({
    name: 'keyfleet_feed_lag_seconds',
    help: 'Time from a notice to the message a subscriber gets, gathering and reading included.',
    buckets: [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5],
  });
  return {
    noticed: () => notices.inc(),
    lost: () => losses.inc(),
    told: (seconds) => lag.observe(seconds),
  };
}

/** Read when asked for. */
export function watchEdge(metrics: Metrics, feed: FleetFeed, authenticator: Authenticator): void {
  metrics.gauge({
    name: 'keyfleet_feed_subscribers',
    help: 'Live subscriptions to fleet changes.',
    collect() {
      this.set(feed.subscribers);
    },
  });
  metrics.gauge({
    name: 'keyfleet_access_cache_entries',
    help: 'Entries of the caches in front of the identity tables; each lives a second.',
    labelNames: ['cache'],
    collect() {
      for (const [cache, entries] of Object.entries(authenticator.cached)) this.set({ cache }, entries);
    },
  });
}
