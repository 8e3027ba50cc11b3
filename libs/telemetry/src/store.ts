import type { Metrics } from '@keyfleet/platform';

/** What a driver of the event store tells of itself; a superset of every driver's steps. */
export type StoreStep =
  | { readonly step: 'group-sent'; readonly appends: number; readonly events: number }
  | {
      readonly step: 'group-committed';
      readonly appends: number;
      readonly events: number;
      readonly conflicts: number;
      readonly ms: number;
    }
  | { readonly step: 'group-failed'; readonly appends: number }
  | { readonly step: 'failed'; readonly link: string; readonly code: string }
  | { readonly step: 'listening' }
  | { readonly step: 'notified' };

/** Measures a driver by its `onStep`: once per group of appends, never per event. */
export function storeMetrics(metrics: Metrics): (step: StoreStep) => void {
  const seconds = metrics.histogram({
    name: 'keyfleet_store_append_seconds',
    help: 'Time to commit one group of appends, the wait for the writers’ lock included.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  });
  const size = metrics.histogram({
    name: 'keyfleet_store_group_events',
    help: 'Events committed by one group.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000],
  });
  const writing = metrics.gauge({
    name: 'keyfleet_store_appends_in_flight',
    help: 'Appends in groups that were sent and not answered yet.',
  });
  const appended = metrics.counter({
    name: 'keyfleet_store_events_total',
    help: 'Events of committed groups, those of conflicting appends included.',
  });
  const conflicts = metrics.counter({
    name: 'keyfleet_store_conflicts_total',
    help: 'Appends refused because their stream was at another revision.',
  });
  const failures = metrics.counter({
    name: 'keyfleet_store_failures_total',
    help: 'Statements that failed, by whether they wrote or read.',
    labelNames: ['kind'],
  });
  const wakeUps = metrics.counter({
    name: 'keyfleet_store_wakeups_total',
    help: 'Hints from other processes that there may be something new.',
  });
  const listens = metrics.counter({
    name: 'keyfleet_store_listens_total',
    help: 'Times the connection for hints was made; more than one means that it was lost.',
  });
  const failed = { write: failures.labels('write'), read: failures.labels('read') };
  // An alert asks for what was added, so it has to begin at nothing.
  for (const one of Object.values(failed)) one.inc(0);
  return (step) => {
    switch (step.step) {
      case 'group-sent':
        writing.inc(step.appends);
        break;
      case 'group-committed':
        writing.dec(step.appends);
        seconds.observe(step.ms / 1_000);
        size.observe(step.events);
        appended.inc(step.events);
        if (step.conflicts > 0) conflicts.inc(step.conflicts);
        break;
      case 'group-failed':
        writing.dec(step.appends);
        break;
      case 'failed':
        failed[step.link.endsWith('write') ? 'write' : 'read'].inc();
        break;
      case 'notified':
        wakeUps.inc();
        break;
      case 'listening':
        listens.inc();
    }
  };
}
