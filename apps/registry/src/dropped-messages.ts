import type { OnDropped } from '@keyfleet/messaging';
import type { Metrics } from '@keyfleet/platform';

const counters = new WeakMap<Metrics, OnDropped>();

/** Counts what the guard dropped; one counter per process, whoever asks. */
export function droppedMessages(metrics: Metrics): OnDropped {
  const known = counters.get(metrics);
  if (known) return known;
  const dropped = metrics.counter({
    name: 'keyfleet_messages_dropped_total',
    help: 'Messages that were not looked at, because their subject or reply subject was not in order.',
    labelNames: ['channel', 'reason'],
  });
  const count: OnDropped = ({ channel, reason }) => dropped.inc({ channel, reason });
  counters.set(metrics, count);
  return count;
}
