import type { RecordedEvent } from '@keyfleet/event-store';
import { inSpan, isTracing, recordSpan } from '@keyfleet/platform';

/** A batch may hold events of hundreds of traces; so many are told of their row. */
const MOST = 100;

/**
 * A span for the batch, linked to the traces of its events, and in each of those one that says when its rows were
 * changed: whoever follows an entry ends at its row, whoever looks at a slow batch finds what was in it.
 */
export async function tracedBatch<T>(
  projection: string,
  events: readonly RecordedEvent[],
  work: () => Promise<T>,
): Promise<T> {
  if (!isTracing()) return work();
  const byTrace = traces(events);
  const links = [...byTrace.keys()];
  const startedAt = performance.now();
  const attributes = { 'keyfleet.projection': projection, 'keyfleet.batch.events': events.length };
  const result = await inSpan(`project ${projection}`, { kind: 'consumer', attributes, links }, work);
  for (const [parent, of] of byTrace) {
    const [first] = of as [RecordedEvent];
    recordSpan(`apply ${projection}`, {
      kind: 'consumer',
      parent,
      startedAt,
      attributes: {
        'keyfleet.projection': projection,
        'keyfleet.stream': first.stream,
        'keyfleet.event.type': first.type,
        'keyfleet.event.id': first.id,
        'keyfleet.batch.events': of.length,
      },
    });
  }
  return result;
}

function traces(events: readonly RecordedEvent[]): ReadonlyMap<string, readonly RecordedEvent[]> {
  const found = new Map<string, RecordedEvent[]>();
  for (const event of events) {
    const { traceparent } = event.metadata;
    // Others were not exported where they began.
    if (!traceparent?.endsWith('-01')) continue;
    const known = found.get(traceparent);
    if (known) known.push(event);
    else if (found.size < MOST) found.set(traceparent, [event]);
  }
  return found;
}
