import { Socket } from 'node:net';

/**
 * A socket that tells of its error and of its end in the same tick.
 * The client rejects statements on `error` but frees the connection on `close`, some phases of the event loop later;
 * a statement sent in between (a ROLLBACK, say) is never answered. Held back until `close`, there is no in between.
 */
export class SettledSocket extends Socket {
  #error: Error | undefined;

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error') {
      this.#error = args[0] as Error;
      return true;
    }
    if (event === 'close' && this.#error && this.listenerCount('error') > 0) super.emit('error', this.#error);
    return super.emit(event, ...args);
  }
}

interface Target {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** One connection attempt after the other, over all hosts of the URL in turn. Never throws: errors come as events. */
export function socketFactory(): (target: Target) => SettledSocket {
  let attempt = 0;
  return ({ host, port, path }) => {
    const socket = new SettledSocket();
    if (path) return socket.connect(path);
    const at = attempt++ % port.length;
    // The client reads `host` to name the server in the TLS handshake.
    return Object.assign(socket.connect(Number(port[at]), String(host[at])), {
      host: host[at],
      port: port[at],
    });
  };
}
