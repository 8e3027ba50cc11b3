import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

const TRACEPARENT = /^00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const traces = new WeakMap<object, string>();

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** The request is traced under this id, so that is the one its caller is told. */
export function useTraceId(request: object, id: string): void {
  traces.set(request, id);
}

/** The caller's trace id where its traceparent is valid, else one of ours; the same for the whole request. */
export function traceIdOf(request: Pick<FastifyRequest, 'headers'>): string {
  let id = traces.get(request);
  if (id === undefined) {
    const { traceparent } = request.headers;
    id = (typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined) ?? newTraceId();
    traces.set(request, id);
  }
  return id;
}
