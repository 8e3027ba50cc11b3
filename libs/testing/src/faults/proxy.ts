import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What happens to bytes on their way. */
export interface Conditions {
  /**
   * `pass` forwards; `silence` keeps connections open and forwards nothing (a half-open peer); `unanswered` holds back
   * only what the server says (a client frozen in the middle of a request); `refuse` resets every new connection.
   */
  readonly mode: 'pass' | 'silence' | 'unanswered' | 'refuse';
  /** Added to each chunk, in each direction. */
  readonly delayMs: number;
  /** Per connection and direction; undefined means no limit. */
  readonly bytesPerSecond: number | undefined;
}

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** The same URL by way of this proxy. */
  through(url: string): string;
  /** Connections open at this moment. */
  readonly connections: number;
  /** Changes what is named and leaves the rest as it is; bytes held back by silence flow again when it ends. */
  set(conditions: Partial<Conditions>): void;
  /** Everything passes again. */
  heal(): void;
  /** Resets (RST) every open connection. */
  reset(): void;
  close(): Promise<void>;
}

const CLEAR: Conditions = { mode: 'pass', delayMs: 0, bytesPerSecond: undefined };

/** A TCP proxy on loopback between a client and a real server, for faults the server itself would not show. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const proxy = new TcpProxy(target.host ?? '127.0.0.1', target.port);
  await proxy.listen();
  return proxy;
}

class TcpProxy implements FaultProxy {
  readonly host = '127.0.0.1';
  readonly #targetHost: string;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #conditions: Conditions = CLEAR;
  #changed = Promise.withResolvers<void>();

  constructor(targetHost: string, targetPort: number) {
    this.#targetHost = targetHost;
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host);
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#open.size / 2;
  }

  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = this.host;
    changed.port = String(this.port);
    return changed.href;
  }

  set(conditions: Partial<Conditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }

  heal(): void {
    this.set(CLEAR);
  }

  reset(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.heal();
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#conditions.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: this.#targetHost, port: this.#targetPort });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.setNoDelay(true);
      this.#open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroy();
      });
      void this.#forward(one, other, one === server).catch(() => one.destroy());
    }
  }

  /** One chunk after the other, so that a held-back chunk holds back what follows, and the sender feels it. */
  async #forward(from: Socket, to: Socket, isAnswer: boolean): Promise<void> {
    for await (const chunk of from) {
      await this.#hold((chunk as Buffer).length, isAnswer);
      if (!to.writable) return;
      if (!to.write(chunk as Buffer)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
    }
    to.end();
  }

  async #hold(bytes: number, isAnswer: boolean): Promise<void> {
    const { delayMs, bytesPerSecond } = this.#conditions;
    const pause = delayMs + (bytesPerSecond ? (bytes / bytesPerSecond) * 1_000 : 0);
    if (pause > 0) await Promise.race([delay(pause), this.#changed.promise]);
    const holds = (): boolean =>
      this.#conditions.mode === 'silence' || (this.#conditions.mode === 'unanswered' && isAnswer);
    while (holds()) await this.#changed.promise;
  }
}
