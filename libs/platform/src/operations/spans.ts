import {
  type Attributes,
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { parseTraceparent } from './tracing.js';

/** Whether this process exports spans. Off, nothing below costs more than asking this. */
let exporting = false;

export function useTracing(on: boolean): void {
  exporting = on;
}

export function isTracing(): boolean {
  return exporting;
}

export interface SpanOptions {
  /** Default `internal`. */
  readonly kind?: 'internal' | 'client' | 'server' | 'producer' | 'consumer';
  /** Ids of ours, counts and names of kinds; never a secret, its name, a token, or what people wrote. */
  readonly attributes?: Attributes;
  /** A `traceparent` that came with the work; else the span of now, where there is one. */
  readonly parent?: string | undefined;
  /** Other traces this work belongs to. */
  readonly links?: readonly string[];
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Runs work under a span; what it starts is below it. Without tracing it just runs. */
export function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  if (!exporting) return work();
  const links = (options.links ?? []).flatMap(linkTo);
  const { attributes, parent, kind = 'internal' } = options;
  const span = tracer().startSpan(name, { kind: KINDS[kind], attributes, links }, contextOf(parent));
  return context.with(trace.setSpan(context.active(), span), () => ended(span, work));
}

/** A span over work that is done already; `startedAt` by `performance.now()`. */
export function recordSpan(name: string, options: SpanOptions & { readonly startedAt: number }): void {
  if (!exporting) return;
  const { attributes, parent, kind = 'internal', startedAt } = options;
  const links = (options.links ?? []).flatMap(linkTo);
  const startTime = performance.timeOrigin + startedAt;
  const options_ = { kind: KINDS[kind], attributes, links, startTime };
  tracer().startSpan(name, options_, contextOf(parent)).end();
}

/** Of the span of now, where it is one that is exported: others are nobody's business to remember. */
export function currentTraceparent(): string | undefined {
  if (!exporting) return undefined;
  const found = trace.getSpanContext(context.active());
  if (!found || (found.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return `00-${found.traceId}-${found.spanId}-01`;
}

function tracer() {
  return trace.getTracer('@keyfleet/platform');
}

async function ended<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // No message: it may quote what it was given.
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

export function contextOf(traceparent: string | undefined): Context {
  const parsed = parseTraceparent(traceparent);
  if (!parsed) return context.active();
  const { traceId, parentId: spanId, sampled } = parsed;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function linkTo(traceparent: string): Link[] {
  const found = trace.getSpanContext(contextOf(traceparent));
  return found ? [{ context: found }] : [];
}
