import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { agentSubject } from '@keyfleet/contracts/messages';
import { type BrokerIdentity, connectNats } from '@keyfleet/messaging';
import { testTimeFactor } from '@keyfleet/platform';
import type { NatsConnection } from '@nats-io/transport-node';
import type { AgentsCommand, MintedAgents } from './agents.js';

/** Of test time, as real agents have it. */
const LEAST_BEAT_MS = 24_000;
const MOST_BEAT_MS = 30_000;
/** Handshakes at once: as many a second as the machine takes. */
const CONNECTING = 24;

const given = JSON.parse(readFileSync(process.env['KEYFLEET_PROOF_AGENTS'] ?? '', 'utf8')) as MintedAgents;
const factor = testTimeFactor(process.env) ?? 1;

/** What of an agent detection can see: a connection of its own, and beats. */
class Agent {
  readonly #index: number;
  #connection: NatsConnection | undefined;
  #bootId = randomUUID();
  #counter = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(index: number) {
    this.#index = index;
  }

  async connect(): Promise<void> {
    const { agentId, jwt, seed } = given.agents[this.#index] as MintedAgents['agents'][number];
    const identity: BrokerIdentity = { ...given.tls, jwt, seed };
    this.#connection = await connectNats({
      servers: given.servers,
      identity: () => identity,
      name: agentId,
      inboxPrefix: `_INBOX.${agentId}`,
      reconnectWindowMs: () => given.reconnectWindowMs,
    });
    void this.#watch(this.#connection);
    this.#beat();
  }

  /** The process is dead: its sockets are closed by the system, and it says nothing any more. */
  async die(): Promise<void> {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    this.#bootId = randomUUID();
    this.#counter = 0;
    await connection?.close();
  }

  #beat(): void {
    clearTimeout(this.#timer);
    const { orgId, agentId } = given.agents[this.#index] as MintedAgents['agents'][number];
    this.#counter += 1;
    const beat = {
      v: 1,
      agentId,
      bootId: this.#bootId,
      counter: this.#counter,
      at: new Date().toISOString(),
      agentVersion: '1.0.0',
      journal: { epoch: 1, seq: 0, acknowledged: 0 },
      policy: null,
      secrets: 12,
      storage: 'ok',
      seal: 'unsealed',
      latency: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    try {
      this.#connection?.publish(agentSubject({ orgId, agentId }, 'hb'), JSON.stringify(beat));
    } catch {
      // Disconnected at this moment; it beats when it is back.
    }
    const pause = LEAST_BEAT_MS + Math.random() * (MOST_BEAT_MS - LEAST_BEAT_MS);
    this.#timer = setTimeout(() => this.#beat(), pause / factor);
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status())
      if (type === 'reconnect' && this.#connection === connection) this.#beat();
  }
}

const agents = given.agents.map((_, index) => new Agent(index));

async function connectAll(indexes: readonly number[]): Promise<void> {
  const waiting = [...indexes];
  const worker = async (): Promise<void> => {
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      for (;;) {
        try {
          await agents[index]?.connect();
          break;
        } catch {
          await delay(200);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, worker));
}

async function perform({ kind, indexes }: AgentsCommand): Promise<void> {
  if (kind === 'connect') return connectAll(indexes);
  await Promise.all(indexes.map((index) => agents[index]?.die()));
}

process.on('message', (command: AgentsCommand) => {
  void perform(command).then(() => process.send?.({ id: command.id, at: Date.now() }));
});
process.once('disconnect', () => process.exit(0));
