import type { Msg } from '@nats-io/transport-node';
import {
  type ConsumerDeserializer,
  type IncomingRequest,
  NatsContext,
  type NatsOptions,
  ServerNats,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { type AgentAnswer, encodeAnswer } from './agent-listener.js';
import type { Service } from './broker/services.js';
import { type BrokerOptions, natsConnectionOptions } from './connection.js';
import { type AgentCaller, admit, DROP_REASONS, type DropReason, type OnDropped } from './guard.js';

export interface GuardedServerOptions {
  readonly service: Service;
  readonly broker: BrokerOptions;
  /** For the metric `keyfleet_messages_dropped_total{reason, channel}`. */
  readonly onDropped?: OnDropped;
  /** How long requests under way may finish at shutdown. */
  readonly gracePeriodMs?: number;
}

/** Context of a handler on an agent subject: `@Ctx() context: AgentContext`; its payload is the raw bytes. */
export class AgentContext extends NatsContext {
  readonly caller: AgentCaller;

  constructor(message: Msg, caller: AgentCaller) {
    super([message.subject, message.headers]);
    this.caller = caller;
  }
}

/** Nest packs commands as `{ pattern, data, id }`; anything else is not from a command client. */
const commandPacket: ConsumerDeserializer = {
  deserialize: (message: Msg): IncomingRequest => {
    const packet: unknown = JSON.parse(Buffer.from(message.data).toString('utf8'));
    if (!isRequest(packet)) throw new SyntaxError('not a request');
    return packet;
  },
};

function isRequest(packet: unknown): packet is IncomingRequest {
  return (
    typeof packet === 'object' &&
    packet !== null &&
    'id' in packet &&
    typeof packet.id === 'string' &&
    'data' in packet
  );
}

/**
 * Nest's NATS server answers whatever reply subject a message names. This one looks at subject and reply subject first
 * (see `admit`), drops and counts what is not in order, and gives agent subjects their raw bytes.
 *
 * `app.connectMicroservice({ strategy: new GuardedNatsServer(options) })`
 */
export class GuardedNatsServer extends ServerNats {
  readonly #onDropped: OnDropped;

  constructor(options: GuardedServerOptions) {
    super({
      ...natsConnectionOptions(options.broker),
      queue: options.service,
      deserializer: commandPacket,
      gracefulShutdown: true,
      gracePeriod: options.gracePeriodMs ?? 1_000,
    } as Required<NatsOptions>['options']);
    this.#onDropped = options.onDropped ?? (() => {});
  }

  override bindEvents(client: Parameters<ServerNats['bindEvents']>[0]): void {
    for (const channel of this.messageHandlers.keys()) this.#onDropped.listening?.(channel, DROP_REASONS);
    super.bindEvents(client);
  }

  override async handleMessage(channel: string, message: Msg): Promise<unknown> {
    const admission = admit(message.subject, message.reply);
    if (admission.kind === 'drop') return this.#drop(channel, admission.reason);
    if (admission.kind === 'agent') return this.#handleAgent(channel, message, admission.caller);
    try {
      return await super.handleMessage(channel, message);
    } catch (error) {
      // Parsing is the only thing that can fail here, and its message would quote the payload.
      if (error instanceof SyntaxError) return this.#drop(channel, 'malformed');
      throw error;
    }
  }

  async #handleAgent(channel: string, message: Msg, caller: AgentCaller): Promise<void> {
    const handler = this.getHandlerByPattern(channel);
    if (!handler) return;
    const result = await handler(message.data, new AgentContext(message, caller));
    const answer = await lastValueFrom(this.transformToObservable<AgentAnswer>(result), {
      defaultValue: undefined,
    });
    if (answer !== undefined && message.reply && caller.kind !== 'hb') message.respond(encodeAnswer(answer));
  }

  #drop(channel: string, reason: DropReason): void {
    this.#onDropped({ channel, reason });
  }
}
