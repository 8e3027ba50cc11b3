import {
  type CommandContract,
  type CommandFailure,
  type CommandMeta,
  type CommandReply,
  commandMeta,
} from '@keyfleet/contracts/messages';
import { type ErrorPointer, isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { z } from 'zod';
import { type CommandAnswer, withTrace } from './command-client.js';

const tracer = trace.getTracer('@keyfleet/messaging');

/** Whatever a client sent on a command subject, before it was looked at. */
export type CommandResponder = (message: unknown) => Promise<CommandReply>;

export interface HandleCommandOptions {
  /** Told what was thrown where it was none of ours; the caller learns only `internal.error`. */
  readonly onError?: (error: unknown, subject: string) => void;
  /** What an error of elsewhere means to the caller, such as a database that is away; itself where it means nothing. */
  readonly translate?: (error: unknown) => unknown;
  /** Told of each command once it is answered; `code` where it was refused or failed. */
  readonly onHandled?: (handled: HandledCommand) => void;
}

export interface HandledCommand {
  readonly subject: string;
  readonly code: string | undefined;
  readonly seconds: number;
}

/**
 * A responder for one command: checks the request by its schema, runs the handler, answers `{ ok }` in every case.
 *
 * `const answer = handleCommand(enrolAgent, async (data, meta) => ({ data: await enrol(data, meta) }));`
 */
export function handleCommand<Request extends z.ZodType, Reply extends z.ZodType>(
  contract: CommandContract<Request, Reply>,
  handler: (data: z.output<Request>, meta: CommandMeta) => Promise<CommandAnswer<z.input<Reply>>>,
  options: HandleCommandOptions = {},
): CommandResponder {
  const envelope = z.strictObject({ meta: commandMeta, data: z.unknown() });
  const run = async (message: unknown): Promise<CommandReply> => {
    const outer = envelope.safeParse(message);
    if (!outer.success) throw new KeyfleetError('request.malformed');
    const meta = withTrace(outer.data.meta);
    const request = contract.request.safeParse(outer.data.data);
    if (!request.success) throw new KeyfleetError('request.invalid', { errors: pointersOf(request.error) });
    const { data, position, revision, unchanged = false } = await handler(request.data, meta);
    const after = { ...(position && { position }), ...(revision && { revision }) };
    return { ok: true, data, ...after, ...(unchanged && { unchanged }) };
  };
  const answer = async (message: unknown, span: Span): Promise<CommandReply> => {
    try {
      return await run(message);
    } catch (thrown) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      const error = options.translate ? options.translate(thrown) : thrown;
      if (!isKeyfleetError(error)) options.onError?.(error, contract.subject);
      return { ok: false, error: failureOf(error) };
    }
  };
  const { subject } = contract;
  return (message) =>
    traced(subject, message, async (span) => {
      const started = performance.now();
      const reply = await answer(message, span);
      const code = reply.ok ? undefined : reply.error.code;
      options.onHandled?.({ subject, code, seconds: (performance.now() - started) / 1_000 });
      return reply;
    });
}

function failureOf(error: unknown): CommandFailure {
  if (!isKeyfleetError(error)) return { code: 'internal.error' };
  const { detail, errors, retryAfterMs, extensions } = error.details;
  return {
    code: error.code,
    ...(detail && { detail: detail.slice(0, 1_000) }),
    ...(errors && { errors: [...errors].slice(0, 50) }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(extensions && { extensions: { ...extensions } }),
  };
}

/** Where a request does not fit, as JSON pointers; never what stood there. */
export function pointersOf(error: z.ZodError): ErrorPointer[] {
  return error.issues.slice(0, 50).map((issue) => ({
    pointer: issue.path
      .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join('')
      .slice(0, 300),
    message: issue.message.slice(0, 500),
  }));
}

function traced<T>(subject: string, message: unknown, work: (span: Span) => Promise<T>): Promise<T> {
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject };
  const options = { kind: SpanKind.SERVER, attributes };
  return tracer.startActiveSpan(`process ${subject}`, options, parentOf(message), async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}

function parentOf(message: unknown) {
  const parsed = z.looseObject({ meta: z.looseObject({ traceparent: z.string() }) }).safeParse(message);
  return parsed.success
    ? propagation.extract(context.active(), { traceparent: parsed.data.meta.traceparent })
    : context.active();
}
