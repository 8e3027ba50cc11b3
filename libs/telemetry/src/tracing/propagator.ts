import { contextOf, parseTraceparent } from '@keyfleet/platform';
import {
  type Context,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

const HEADER = 'traceparent';

/** W3C `traceparent` and nothing else: what strangers put beside it is not carried on. */
export const traceparentOnly: TextMapPropagator = {
  fields: () => [HEADER],
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const found = trace.getSpanContext(context);
    if (!found || !isSpanContextValid(found)) return;
    const sampled = (found.traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01';
    setter.set(carrier, HEADER, `00-${found.traceId}-${found.spanId}-${sampled}`);
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = getter.get(carrier, HEADER);
    if (!parseTraceparent(header)) return context;
    const remote = trace.getSpanContext(contextOf(String(header)));
    return remote ? trace.setSpanContext(context, remote) : context;
  },
};
