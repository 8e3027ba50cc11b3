import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { z } from 'zod';
import type { CanaryReceipt } from './replicas.js';

/** A way into one node of the broker's cluster. */
export interface BrokerNode {
  /** Host and port, or any other short name. */
  readonly name: string;
  readonly connection: Pick<NatsConnection, 'publish'>;
}

export interface CanariesOptions {
  readonly replicaId: string;
  readonly connection: Pick<NatsConnection, 'subscribe' | 'request'>;
  readonly nodes: readonly BrokerNode[];
  readonly queue: string;
  readonly now: () => number;
  /** How long this replica's own canaries are waited for; they take a millisecond. Default 500 ms. */
  readonly ownMs?: number;
}

const BEAT = 'kf.canary.beat';
const ALIVE = 'kf.canary.alive';
const PROBE_MS = 1_000;
const OWN_MS = 500;

export const NODE_NAME = /^[A-Za-z0-9.:_-]{1,100}$/;
const canary = z.strictObject({
  replicaId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  node: z.string().regex(NODE_NAME),
});

/**
 * Small messages that take the way of heartbeats: published through every node of the broker, handed to one replica of
 * the queue group, written with its next flush. One that is late means that a heartbeat would be too.
 */
export class Canaries {
  readonly #options: CanariesOptions;
  readonly #subscriptions: Subscription[];
  #received = new Map<string, CanaryReceipt>();
  #missing = new Set<string>();
  #arrived: (() => void) | undefined;

  constructor(options: CanariesOptions) {
    this.#options = options;
    this.#subscriptions = [
      options.connection.subscribe(BEAT, {
        queue: options.queue,
        callback: (error, message) => {
          if (!error) this.#receive(message.data);
        },
      }),
      // Whoever asks wants to know whether the broker would still bring us messages; the answer itself says nothing.
      options.connection.subscribe(`${ALIVE}.${options.replicaId}`, {
        callback: (error, message) => {
          if (!error) message.respond();
        },
      }),
    ];
  }

  /** Sends one through each node and waits a moment for those that come back to this replica. */
  async send(): Promise<void> {
    const { nodes, replicaId } = this.#options;
    this.#missing = new Set(nodes.map(({ name }) => name));
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
    for (const { name, connection } of nodes) {
      try {
        connection.publish(BEAT, JSON.stringify({ replicaId, node: name }));
      } catch {
        // A closed connection: its canary will be late, which is what there is to say.
      }
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.ownMs ?? OWN_MS);
    });
    await Promise.race([arrived, late]);
    clearTimeout(timer);
  }

  /** What was received since the last call. */
  take(): readonly CanaryReceipt[] {
    const receipts = [...this.#received.values()];
    this.#received = new Map();
    return receipts;
  }

  /** Receipts that could not be written; a later one of the same canary holds. */
  putBack(receipts: readonly CanaryReceipt[]): void {
    for (const receipt of receipts) {
      const key = keyOf(receipt);
      if (!this.#received.has(key)) this.#received.set(key, receipt);
    }
  }

  /** Whether the broker has nobody by this name any more. A replica that hangs still has its subscription. */
  async isGone(replicaId: string): Promise<boolean> {
    try {
      await this.#options.connection.request(`${ALIVE}.${replicaId}`, undefined, { timeout: PROBE_MS });
      return false;
    } catch (error) {
      return isNoResponders(error);
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #receive(data: Uint8Array): void {
    const parsed = canary.safeParse(parseJson(data));
    if (!parsed.success) return;
    const receipt = { ...parsed.data, receivedAt: this.#options.now() };
    this.#received.set(keyOf(receipt), receipt);
    if (receipt.replicaId !== this.#options.replicaId) return;
    this.#missing.delete(receipt.node);
    if (this.#missing.size === 0) this.#arrived?.();
  }
}

function keyOf({ replicaId, node }: CanaryReceipt): string {
  return `${replicaId} ${node}`;
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isNoResponders(error: unknown): boolean {
  const asked = error as { isNoResponders?: () => boolean; name?: string } | null;
  return asked?.name === 'NoRespondersError' || asked?.isNoResponders?.() === true;
}
