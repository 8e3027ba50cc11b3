import { CloseCode } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { Actor } from '../access/actor.js';
import type { Authenticator } from '../access/authenticator.js';

/** Finds sockets whose peer is gone and sessions that ran out; what ends by command is cut by its notice at once. */
const ROUND_MS = 10_000;
/** A peer that does not answer a closing handshake is cut. */
const CLOSING_MS = 1_000;
const GOING_AWAY = 1_001;

interface Member {
  readonly actor: Actor;
  answered: boolean;
}

/** The open WebSockets of this replica, each for as long as the credential it came with is good. */
export class LiveSockets {
  readonly #authenticator: Authenticator;
  readonly #members = new Map<WebSocket, Member>();
  readonly #round: NodeJS.Timeout;

  constructor(authenticator: Authenticator) {
    this.#authenticator = authenticator;
    this.#round = setInterval(() => this.#goRound(), ROUND_MS);
    this.#round.unref();
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many this person or token holds open. */
  countOf(actor: Actor): number {
    return [...this.#members.values()].filter((member) => member.actor.id === actor.id).length;
  }

  add(socket: WebSocket, actor: Actor): void {
    const member = { actor, answered: true };
    this.#members.set(socket, member);
    socket.on('pong', () => {
      member.answered = true;
    });
    socket.once('close', () => this.#members.delete(socket));
  }

  /** Cuts whoever may not stay. A database that does not answer cuts nobody: nothing is sent meanwhile either. */
  async recheck(): Promise<void> {
    const checks = [...this.#members].map(async ([socket, { actor }]) => {
      if (!(await this.#authenticator.stillValid(actor))) cut(socket, CloseCode.Unauthorized, 'Unauthorized');
    });
    await Promise.allSettled(checks);
  }

  close(): void {
    clearInterval(this.#round);
    for (const socket of this.#members.keys()) cut(socket, GOING_AWAY, 'Going away');
  }

  #goRound(): void {
    for (const [socket, member] of this.#members) {
      if (!member.answered) socket.terminate();
      member.answered = false;
      if (socket.readyState === socket.OPEN) socket.ping();
    }
    void this.recheck();
  }
}

function cut(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), CLOSING_MS).unref();
}
