import { randomBytes } from 'node:crypto';

export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits: the caller's span. */
  readonly parentId: string;
  readonly sampled: boolean;
}

/** Ids of nothing but zeros are none. */
const IDS = '(?<traceId>(?!0{32})[0-9a-f]{32})-(?<parentId>(?!0{16})[0-9a-f]{16})-(?<flags>[0-9a-f]{2})';
/** Version 00 ends with the flags; later ones may go on; ff is none. */
const FORMS = [new RegExp(`^00-${IDS}$`), new RegExp(`^(?!00|ff)[0-9a-f]{2}-${IDS}(?:-.*)?$`)];

/** A W3C `traceparent`, or undefined where it is not exactly one: ids of strangers are kept only when they are ids. */
export function parseTraceparent(header: unknown): TraceContext | undefined {
  if (typeof header !== 'string' || header.length > 128) return undefined;
  const { traceId, parentId, flags } = FORMS.map((form) => form.exec(header)?.groups).find(Boolean) ?? {};
  if (!traceId || !parentId || !flags) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The `traceparent` to send on: the same trace under a new span, or a new trace. */
export function childTraceparent(parent?: TraceContext): string {
  const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${(parent?.sampled ?? true) ? '01' : '00'}`;
}

/** The context a request goes on with: its valid `traceparent`, else a new one. */
export function continueTrace(header: unknown): TraceContext & { readonly traceparent: string } {
  const traceparent = childTraceparent(parseTraceparent(header));
  const context = parseTraceparent(traceparent);
  if (!context) throw new Error('A traceparent of our own is not valid.');
  return { ...context, traceparent };
}
