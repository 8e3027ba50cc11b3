import { type AgentSubjectKind, allAgents } from '@keyfleet/contracts/messages';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type AgentCaller, admit, DROP_REASONS, type OnDropped } from './guard.js';
import { traceparentOf } from './trace-headers.js';

export interface AgentMessage {
  readonly caller: AgentCaller;
  /** As the agent sent it; nothing has been parsed. */
  readonly data: Uint8Array;
  /** Where the agent traces what it sends; not checked. */
  readonly traceparent: string | undefined;
}

export interface AgentListenerOptions {
  readonly kind: AgentSubjectKind;
  /** Queue group: one of its members gets each message. */
  readonly queue: string;
  readonly onDropped?: OnDropped;
  readonly onError?: (error: unknown) => void;
}

/** What a handler may answer: bytes as they are, anything else as JSON, nothing where it is `undefined`. */
export type AgentAnswer = Uint8Array | object | undefined;

export function encodeAnswer(answer: Exclude<AgentAnswer, undefined>): Uint8Array | string {
  return answer instanceof Uint8Array ? answer : JSON.stringify(answer);
}

/**
 * Listens to one kind of agent subject without Nest in between, for what comes by the ten thousand per second. The same
 * guard as in GuardedNatsServer stands before the handler.
 */
export function listenToAgents(
  connection: Pick<NatsConnection, 'subscribe'>,
  options: AgentListenerOptions,
  handler: (message: AgentMessage) => AgentAnswer | Promise<AgentAnswer>,
): Subscription {
  const channel = allAgents(options.kind);
  const answer = async (message: Msg, caller: AgentCaller): Promise<void> => {
    const result = await handler({ caller, data: message.data, traceparent: traceparentOf(message) });
    if (result !== undefined && message.reply) message.respond(encodeAnswer(result));
  };
  options.onDropped?.listening?.(channel, DROP_REASONS);
  return connection.subscribe(channel, {
    queue: options.queue,
    callback: (error, message) => {
      if (error) return options.onError?.(error);
      const admission = admit(message.subject, message.reply);
      if (admission.kind !== 'agent')
        return options.onDropped?.({
          reason: admission.kind === 'drop' ? admission.reason : 'subject',
          channel,
        });
      answer(message, admission.caller).catch((failure) => options.onError?.(failure));
    },
  });
}
