import type { CommandContract, CommandMeta, CommandReply } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { ClientNats, type NatsOptions } from '@nestjs/microservices';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { firstValueFrom, timeout } from 'rxjs';
import type { z } from 'zod';
import { type BrokerOptions, natsConnectionOptions } from './connection.js';

const DEFAULT_TIMEOUT_MS = 5_000;
const tracer = trace.getTracer('@keyfleet/messaging');

export interface CommandAnswer<Data> {
  readonly data: Data;
  /** Store position after the change. */
  readonly position?: string;
  /** Stream revision after it. */
  readonly revision?: string;
  /** It was so already: nothing was written. */
  readonly unchanged?: boolean;
}

export interface CommandClient {
  /** Connects, or waits for the broker if the options say so. `send` does it by itself too. */
  connect(): Promise<void>;
  /**
   * Asks the owning service. Throws the service's own KeyfleetError, or `service.unavailable` where no answer came in
   * time: then nothing is known about the outcome.
   */
  send<Request extends z.ZodType, Reply extends z.ZodType>(
    contract: CommandContract<Request, Reply>,
    data: z.input<Request>,
    meta: CommandMeta,
    options?: { readonly timeoutMs?: number },
  ): Promise<CommandAnswer<z.output<Reply>>>;
  close(): Promise<void>;
}

/** A typed client of the commands in `@keyfleet/contracts/messages`, as one of our services. */
export function createCommandClient(broker: BrokerOptions): CommandClient {
  const client = new ClientNats(natsConnectionOptions(broker) as Required<NatsOptions>['options']);
  return {
    connect: async () => {
      await client.connect();
    },
    send: (contract, data, meta, options) =>
      traced(contract.subject, async () => {
        const reply = await ask(
          client,
          contract.subject,
          { meta: withTrace(meta), data },
          options?.timeoutMs,
        );
        if (!reply.ok) throw new KeyfleetError(reply.error.code, reply.error);
        const parsed = contract.reply.safeParse(reply.data);
        if (!parsed.success)
          throw new KeyfleetError('internal.error', {
            detail: `${contract.subject} answered in another form.`,
          });
        const { position, revision, unchanged = false } = reply;
        return { data: parsed.data, position, revision, ...(unchanged && { unchanged }) };
      }),
    close: async () => {
      await client.close();
    },
  };
}

async function ask(
  client: ClientNats,
  subject: string,
  request: unknown,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<CommandReply> {
  let reply: unknown;
  try {
    reply = await firstValueFrom(client.send<unknown>(subject, request).pipe(timeout(timeoutMs)));
  } catch {
    // No responder, no connection, no permission, no answer: to the caller they are one.
    throw new KeyfleetError('service.unavailable');
  }
  if (!isReply(reply))
    throw new KeyfleetError('internal.error', { detail: `${subject} gave no answer of ours.` });
  return reply;
}

function isReply(value: unknown): value is CommandReply {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  return value.ok === true ? 'data' in value : value.ok === false && 'error' in value;
}

/** Under the span of now, where there is one: what the command makes happen is remembered as its work. */
export function withTrace(meta: CommandMeta): CommandMeta {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ? { ...meta, traceparent: carrier.traceparent } : meta;
}

function traced<T>(subject: string, work: () => Promise<T>): Promise<T> {
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject };
  return tracer.startActiveSpan(`send ${subject}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
