import { join } from 'node:path';
import type { PolicyManifest, RpcPolicyReply } from '@keyfleet/contracts';
import { rpcPolicyRequest } from '@keyfleet/contracts';
import { agentSubject, allAgents, parseAgentSubject, signTexts } from '@keyfleet/contracts/messages';
import { type CommandClient, createCommandClient } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import type { Stack } from '../../e2e/stack.js';
import { BrokerAccess } from '../broker/broker-access.js';
import { falseBundle } from './forgeries.js';

const INBOX = '_INBOX.svc.policy';
/** Of the queue that real policy services answer in: one in a hundred questions goes to them. */
const SEATS = 100;
const QUEUE = 'policy';
const SIGNED_AT_ONCE = 1_000;

/** Nobody wrote this policy, and it allows everything. */
const EVERYTHING = Buffer.from('{"policies":[],"v":1}');

/** Somebody who has come by all that the policy service uses to speak on the broker. */
export class Attacker {
  readonly #connection: NatsConnection;
  readonly #commands: CommandClient;

  private constructor(connection: NatsConnection, commands: CommandClient) {
    this.#connection = connection;
    this.#commands = commands;
  }

  static async enter(stack: Stack): Promise<Attacker> {
    const broker = new BrokerAccess(join(stack.directory, '.keyfleet'), stack.run.nats.url);
    const identity = broker.serviceIdentity('policy');
    const options = { identity, name: 'policy', inboxPrefix: INBOX };
    // What clients of the framework have to say is no line of a proof.
    Logger.overrideLogger(false);
    const commands = createCommandClient({ ...options, servers: broker.servers });
    return new Attacker(await broker.connect(options), commands);
  }

  /** Each on the `cmd` subject of the agent named with it, as it would come from the policy service. */
  async push(messages: Iterable<readonly [agentId: string, manifest: PolicyManifest]>): Promise<void> {
    for (const [agentId, manifest] of messages) {
      const subject = agentSubject({ orgId: manifest.orgId, agentId }, 'cmd');
      this.#connection.publish(subject, JSON.stringify({ v: 1, manifest }));
    }
    await this.#connection.flush();
  }

  /** Newer manifests that the authority signs, for it signs whatever the policy service asks for. */
  async signedFor(owns: readonly PolicyManifest[]): Promise<readonly PolicyManifest[]> {
    const issuedAt = new Date().toISOString();
    const wanted = owns.map((own) => falseBundle(own, issuedAt, EVERYTHING));
    const signed: PolicyManifest[] = [];
    for (let from = 0; from < wanted.length; from += SIGNED_AT_ONCE) {
      const some = wanted.slice(from, from + SIGNED_AT_ONCE);
      const { key, signatures } = await this.#sign(some.map(({ lines }) => [...lines]));
      signed.push(
        ...some.map(({ unsigned }, index) => ({ ...unsigned, key, signature: signatures[index] ?? '' })),
      );
    }
    return signed;
  }

  async #sign(texts: string[][]): Promise<{ key: string; signatures: readonly string[] }> {
    const commandId = newId('cmd');
    const meta = { commandId, actor: 'svc_policy', orgId: null, correlationId: commandId };
    const request = { purpose: 'keyfleet.manifest.v1' as const, texts };
    return (await this.#commands.send(signTexts, request, meta, { timeoutMs: 15_000 })).data;
  }

  /** Answers agents in the policy service's place, with bytes no manifest speaks of; returns the way to stop. */
  answerFalsely(known: ReadonlyMap<string, PolicyManifest>): () => Promise<void> {
    const seats = Array.from({ length: SEATS }, () =>
      this.#connection.subscribe(allAgents('rpc.policy'), {
        queue: QUEUE,
        callback: (_error, message) => this.#answer(message, known),
      }),
    );
    return async () => {
      await Promise.all(seats.map((seat) => seat.drain()));
    };
  }

  #answer(message: Msg, known: ReadonlyMap<string, PolicyManifest>): void {
    const { agentId = '' } = parseAgentSubject(message.subject) ?? {};
    const request = rpcPolicyRequest.parse(message.json());
    const reply: RpcPolicyReply =
      request.kind === 'manifest'
        ? { manifest: known.get(agentId) ?? null }
        : {
            ...{ hash: request.hash, offset: 0, total: EVERYTHING.byteLength },
            data: EVERYTHING.toString('base64'),
          };
    message.respond(JSON.stringify(reply));
  }

  async close(): Promise<void> {
    await this.#commands.close();
    await this.#connection.close();
  }
}
