import { Socket } from 'node:net';

/**
 * A socket that tells of its error and of its end in the same tick.
 * The client rejects statements on `error` but frees the connection on `close`, some phases of the event loop later;
 * a statement sent in between (a ROLLBACK, say) is never answered. Held back until `close`, there is no in between.
 */
export class SettledSocket extends Socket {
  readonly #onClosed: (socket: SettledSocket) => void;
  #error: Error | undefined;

  constructor(onClosed: (socket: SettledSocket) => void) {
    super();
    this.#onClosed = onClosed;
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error') {
      this.#error = args[0] as Error;
      return true;
    }
    if (event === 'close') this.#onClosed(this);
    if (event === 'close' && this.#error && this.listenerCount('error') > 0) super.emit('error', this.#error);
    return super.emit(event, ...args);
  }
}

interface Target {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** The server, or the network to it, has not said a word for longer than any statement may take. */
class SilentServerError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super('The database did not answer in time.');
    this.name = 'SilentServerError';
  }
}

/** Makes the sockets of one pool and knows which are open. */
export class Sockets {
  readonly #open = new Set<SettledSocket>();
  readonly #silenceMs: number;
  #attempt = 0;

  /** A socket without a byte either way for `silenceMs` is closed, busy or not; 0 for never. */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** One connection attempt after the other, over all hosts of the URL in turn. Never throws: errors come as events. */
  readonly connect = ({ host, port, path }: Target): SettledSocket => {
    const socket = new SettledSocket((closed) => this.#open.delete(closed));
    this.#open.add(socket);
    // Under TLS the client removes this listener, and the socket below would see no traffic.
    socket.setTimeout(this.#silenceMs, () => socket.destroy(new SilentServerError()));
    if (path) return socket.connect(path);
    const at = this.#attempt++ % port.length;
    // The client reads `host` to name the server in the TLS handshake.
    return Object.assign(socket.connect(Number(port[at]), String(host[at])), {
      host: host[at],
      port: port[at],
    });
  };

  /** Cuts what is still open: a peer that is gone never answers a goodbye. */
  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
