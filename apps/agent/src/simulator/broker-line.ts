import { type BrokerOptions, connectNats } from '@keyfleet/messaging';
import type { NatsConnection } from '@nats-io/transport-node';

/**
 * The way of one agent to the broker: the real one, counted, and with a tap. Silenced, it says and hears nothing while
 * its connection stays open, as the machine of a process that hangs would keep it.
 */
export class BrokerLine {
  attempts = 0;
  failures = 0;
  readonly #onAttempt: (at: number) => void;
  #trying = false;
  #silence: PromiseWithResolvers<void> | undefined;

  /** Told when each attempt is made, in real milliseconds since the epoch; that may be a moment to come. */
  constructor(onAttempt: (at: number) => void = () => {}) {
    this.#onAttempt = onAttempt;
  }

  /** Stands in for `connectNats`. */
  readonly connect = async (options: BrokerOptions): Promise<NatsConnection> => {
    await this.#silence?.promise;
    try {
      const connection = await connectNats({ ...options, onAttempt: (inMs) => this.#attempt(inMs) });
      this.succeeded();
      return this.#tapped(connection);
    } catch (error) {
      this.#failed();
      throw error;
    }
  };

  get silent(): boolean {
    return this.#silence !== undefined;
  }

  silence(): void {
    this.#silence ??= Promise.withResolvers();
  }

  speak(): void {
    this.#silence?.resolve();
    this.#silence = undefined;
  }

  /** The attempt under way led to a connection. */
  succeeded(): void {
    this.#trying = false;
  }

  #attempt(inMs: number): void {
    // The one before came to nothing, or there would be no other.
    this.#failed();
    this.#onAttempt(Date.now() + inMs);
    this.attempts += 1;
    this.#trying = true;
  }

  #failed(): void {
    if (this.#trying) this.failures += 1;
    this.#trying = false;
  }

  #tapped(connection: NatsConnection): NatsConnection {
    const publish = connection.publish.bind(connection);
    const request = connection.request.bind(connection);
    const subscribe = connection.subscribe.bind(connection);
    connection.publish = (...what) => {
      if (!this.#silence) publish(...what);
    };
    connection.request = async (...what) => {
      await this.#silence?.promise;
      const answer = await request(...what);
      await this.#silence?.promise;
      return answer;
    };
    connection.subscribe = (subject, options) =>
      subscribe(subject, {
        ...options,
        callback: (error, message) => {
          if (!this.#silence) options?.callback?.(error, message);
        },
      });
    return connection;
  }
}
