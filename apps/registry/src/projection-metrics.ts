import type { Logger, Metrics } from '@keyfleet/platform';
import type { RunStep } from '@keyfleet/read-store';

/** Shows how each projection gets on: events, lag, failures and parked streams. */
export function projectionMetrics(
  metrics: Metrics,
  logger: Logger,
): (projection: string, step: RunStep) => void {
  const labelNames = ['projection'] as const;
  const events = metrics.counter({
    name: 'keyfleet_projection_events_total',
    help: 'Events applied to a read model.',
    labelNames,
  });
  const failures = metrics.counter({
    name: 'keyfleet_projection_failures_total',
    help: 'Times a projection stopped and was started again.',
    labelNames,
  });
  const parked = metrics.counter({
    name: 'keyfleet_projection_parked_streams_total',
    help: 'Streams put aside because an event could not be applied.',
    labelNames,
  });
  const lag = metrics.gauge({
    name: 'keyfleet_projection_lag_seconds',
    help: 'Age of the newest event applied, when it was applied.',
    labelNames,
  });
  return (projection, step) => {
    if (step.kind === 'applied') {
      events.inc({ projection }, step.events);
      if (step.recordedAt !== null)
        lag.set({ projection }, Math.max(0, (Date.now() - Date.parse(step.recordedAt)) / 1_000));
    } else if (step.kind === 'failed') {
      failures.inc({ projection });
      logger.warn({ err: step.error, projection }, 'A projection stopped and will be started again');
    } else if (step.kind === 'parked') {
      parked.inc({ projection });
      logger.error(
        { projection, stream: step.stream, eventType: step.type, code: step.code },
        'A stream was parked: one of its events cannot be applied',
      );
    }
  };
}
