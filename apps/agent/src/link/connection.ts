import { setTimeout as delay } from 'node:timers/promises';
import { type AgentSubjectKind, agentInbox, agentSubject } from '@keyfleet/contracts/messages';
import { type BrokerOptions, connectNats, traceHeaders } from '@keyfleet/messaging';
import type { NatsConnection, Status } from '@nats-io/transport-node';
import type { Broker } from './broker.js';
import type { LinkLogger } from './host.js';
import { brokerIdentity } from './identity/broker-identity.js';
import { reasonOf } from './identity/enrol.js';
import type { IdentityStore, StoredIdentity } from './identity/store.js';
import { fullJitter, type Pace } from './pace.js';
import { Signal } from './signal.js';

export interface ConnectionOptions {
  readonly store: IdentityStore;
  readonly pace: Pace;
  readonly logger: LinkLogger;
  readonly random: () => number;
  readonly connect?: (options: BrokerOptions) => Promise<NatsConnection>;
  /** Each time there is a connection, the first and every one after. */
  readonly onConnect: () => void;
  readonly onDisconnect: () => void;
  readonly onCommand: (payload: Uint8Array) => void;
  /** The broker did not take our word for who we are; `clear` where it said that the credentials have ended. */
  readonly onRefused: (clear: boolean) => void;
  /** A broker is there; whether it lets us in is not known yet. */
  readonly onBroker: () => void;
}

const ENDED = /revoked|expired/i;
const REFUSED = /authoriz|authenticat|certificate|bad_cert|alert/i;
/** Between two attempts at least, so that a window of 0 is no busy loop. */
const MIN_PAUSE_MS = 200;
const PROBE_MS = 10_000;
/** What was asked over an old connection is answered within so long or not at all. */
const DRAIN_MS = 20_000;

/**
 * The connection to the broker. It never gives up: an attempt comes at a moment drawn evenly from the window the
 * control plane advertised, with whatever identity is on disk at that moment.
 */
export class Connection implements Broker {
  readonly #options: ConnectionOptions;
  readonly #connect: (options: BrokerOptions) => Promise<NatsConnection>;
  readonly #ending = new AbortController();
  #current: NatsConnection | undefined;
  #connected = false;
  #wanted = false;
  #opening: Promise<void> | undefined;
  /** Nobody answers over a connection that is gone, and the library would wait. */
  readonly #losses = new Signal();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connect = options.connect ?? connectNats;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Connects, and from then on stays connected; a second call while it is at it is the first one's. */
  open(): Promise<void> {
    this.#wanted = true;
    this.#opening ??= this.#openUntilDone().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openUntilDone(): Promise<void> {
    const { signal } = this.#ending;
    const { pace, random, store } = this.#options;
    while (this.#wanted && !signal.aborted && !this.#current) {
      if (await this.replace()) return;
      const window = Math.max(store.current?.reconnectWindowMs ?? 0, 5 * MIN_PAUSE_MS);
      await pace.sleep(MIN_PAUSE_MS + fullJitter(window, random), signal);
    }
  }

  /** A new connection with the identity of now; only then the old one goes, so nothing is missed in between. */
  async replace(): Promise<boolean> {
    const identity = this.#options.store.current;
    if (!identity || this.#ending.signal.aborted) return false;
    try {
      const next = await this.#attempt(identity);
      if (next) this.#adopt(next, identity);
      return next !== undefined;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Undefined where the link was closed meanwhile: an attempt may take its time to fail. */
  async #attempt(identity: StoredIdentity): Promise<NatsConnection | undefined> {
    const { signal } = this.#ending;
    const attempt = this.#connect(this.#brokerOptions(identity));
    const over = new AbortController();
    const closed = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: over.signal });
    });
    const next = await Promise.race([attempt, closed]).finally(() => over.abort());
    if (next && !signal.aborted) return next;
    attempt.then(
      (late) => late.close(),
      () => {},
    );
    return undefined;
  }

  #brokerOptions(identity: StoredIdentity): BrokerOptions {
    const { store, random, pace, onBroker } = this.#options;
    return {
      servers: identity.brokerUrls,
      identity: () => brokerIdentity(store),
      inboxPrefix: agentInbox(identity.agentId),
      name: identity.agentId,
      reconnectWindowMs: () => pace.real(store.current?.reconnectWindowMs ?? 0),
      random,
      onBroker,
    };
  }

  #adopt(next: NatsConnection, identity: StoredIdentity): void {
    const { onCommand, onConnect } = this.#options;
    next.subscribe(agentSubject(identity, 'cmd'), {
      callback: (error, message) => {
        if (!error) onCommand(message.data);
      },
    });
    const previous = this.#current;
    this.#current = next;
    this.#connected = true;
    void this.#watch(next);
    if (previous) void this.#retire(previous);
    onConnect();
  }

  /** A half-open one never finishes draining. */
  async #retire(previous: NatsConnection): Promise<void> {
    const drained = previous.drain().catch(() => {});
    const tired = delay(DRAIN_MS, undefined, { ref: false });
    await Promise.race([drained, tired]);
    await previous.close();
  }

  /** A connection cut off without a word looks alive for minutes; an answer in time proves it is. */
  async probe(): Promise<void> {
    const connection = this.#current;
    if (!connection || !this.#connected) return;
    const answered = connection.flush().then(
      () => true,
      () => false,
    );
    const late = delay(PROBE_MS, false, { ref: false });
    if ((await Promise.race([answered, late])) || this.#current !== connection || !this.#connected) return;
    this.#options.logger.warn({}, 'The broker does not answer over this connection; a new one is made.');
    await this.replace();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (this.#current !== connection) return;
      this.#follow(status);
    }
    if (this.#current !== connection || this.#ending.signal.aborted) return;
    // The library closes for good in a few cases; we do not.
    this.#current = undefined;
    this.#lost();
    void this.open();
  }

  #follow(status: Status): void {
    if (status.type === 'reconnect') {
      this.#connected = true;
      this.#options.onConnect();
    } else if (status.type === 'disconnect') this.#lost();
    else if (status.type === 'error') this.#failed(status.error);
  }

  #lost(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#losses.set();
    this.#options.onDisconnect();
  }

  #failed(error: unknown): void {
    const text = error instanceof Error ? `${error.name} ${error.message}` : '';
    this.#options.logger.debug({ reason: reasonOf(error) }, 'The broker could not be reached or refused us.');
    if (ENDED.test(text)) this.#options.onRefused(true);
    else if (REFUSED.test(text)) this.#options.onRefused(false);
  }

  async request(
    kind: AgentSubjectKind,
    payload: string,
    timeoutMs: number,
    traceparent?: string,
  ): Promise<Uint8Array> {
    const { identity, connection } = this.#live();
    const over = new AbortController();
    const lost = this.#losses.after(this.#losses.count, over.signal).then(() => {
      throw new Error('the connection was lost');
    });
    const answered = connection.request(agentSubject(identity, kind), payload, {
      timeout: Math.max(this.#options.pace.real(timeoutMs), 1_000),
      ...(traceparent !== undefined && { headers: traceHeaders(traceparent) }),
    });
    try {
      return (await Promise.race([answered, lost])).data;
    } finally {
      for (const pending of [answered, lost]) pending.catch(() => {});
      over.abort();
    }
  }

  publish(kind: AgentSubjectKind, payload: string): boolean {
    if (!this.#connected) return false;
    try {
      const { identity, connection } = this.#live();
      connection.publish(agentSubject(identity, kind), payload);
      return true;
    } catch {
      return false;
    }
  }

  #live(): { identity: StoredIdentity; connection: NatsConnection } {
    const identity = this.#options.store.current;
    if (!identity || !this.#current || !this.#connected) throw new Error('not connected');
    return { identity, connection: this.#current };
  }

  /** Off the broker until `open` is called again. */
  async leave(): Promise<void> {
    this.#wanted = false;
    const connection = this.#current;
    this.#current = undefined;
    this.#connected = false;
    this.#losses.set();
    await connection?.close();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.leave();
  }
}
