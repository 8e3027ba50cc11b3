import type { RecordedEvent } from '@keyfleet/event-store';
import { inSpan, isTracing, recordSpan } from '@keyfleet/platform';

/** Of so many events of a batch it is told when their rows were changed. */
const MOST = 100;

/**
 * A span for the batch, linked to the traces of its events, and in each of those one that says when the event's rows
 * were changed: whoever follows an entry ends at its row, whoever looks at a slow batch finds what was in it.
 */
export async function tracedBatch<T>(
  projection: string,
  events: readonly RecordedEvent[],
  work: () => Promise<T>,
): Promise<T> {
  if (!isTracing() || events.length === 0) return work();
  const traced = events.filter(isTraced).slice(0, MOST);
  const links = [...new Set(traced.map(({ metadata }) => metadata.traceparent as string))];
  const startedAt = performance.now();
  const attributes = { 'keyfleet.projection': projection, 'keyfleet.batch.events': events.length };
  const result = await inSpan(`project ${projection}`, { kind: 'consumer', attributes, links }, work);
  for (const { id, type, stream, metadata } of traced)
    recordSpan(`apply ${projection}`, {
      kind: 'consumer',
      parent: metadata.traceparent,
      startedAt,
      attributes: {
        'keyfleet.projection': projection,
        'keyfleet.stream': stream,
        'keyfleet.event.type': type,
        'keyfleet.event.id': id,
      },
    });
  return result;
}

/** Others were not exported where they began. */
function isTraced({ metadata: { traceparent } }: RecordedEvent): boolean {
  return traceparent?.endsWith('-01') ?? false;
}
