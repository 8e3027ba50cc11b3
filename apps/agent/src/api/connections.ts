import type { Server, Socket } from 'node:net';

/** Every connection to a server, also those that have not shaken hands, of which a TLS server itself tells nobody. */
export class Connections {
  readonly #open = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
