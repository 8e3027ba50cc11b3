import { mintSessionSecret, type PasswordCredentials, type SignInMethod } from '@keyfleet/auth';
import { type HandlerParts, handle, load } from '@keyfleet/command-handling';
import type { CommandMeta, login, logout, touchSession } from '@keyfleet/contracts/messages';
import { session, sessionStream } from '@keyfleet/identity/domain';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { z } from 'zod';
import type { People } from './people.js';
import type { Sessions } from './sessions.js';

export interface SignInParts extends HandlerParts {
  readonly local: SignInMethod<PasswordCredentials>;
  readonly people: Pick<People, 'homeOf'>;
  readonly sessions: Sessions;
}

/** Sessions of people: rows that say what is good now, facts that say what was. */
export class SignInCommands {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  /** Throws `auth.failed`, whatever was wrong. */
  async login(
    request: z.output<typeof login.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof login.reply>>> {
    const { local, people, sessions, clock } = this.#parts;
    // Before the password is looked at: what ends a user's sessions afterwards ends this one too.
    const now = clock.now();
    const who = await local.authenticate(request);
    const orgId = who && (await people.homeOf(who.userId));
    if (!who || !orgId) throw new KeyfleetError('auth.failed');
    const { userId } = who;
    const sessionId = newId('ses');
    const { secret, hash } = mintSessionSecret();
    // The fact first: nobody is signed in whose sign-in could not be written down.
    await handle(this.#parts, {
      decider: session,
      stream: sessionStream(sessionId),
      command: { type: 'SignIn', userId, sessionId, method: local.method },
      orgId,
      // A key's body hash would be one of the password.
      meta: { ...meta, actor: userId, bodyHash: undefined },
    });
    const { network, userAgent } = request;
    const { absoluteExpiresAt, ended } = await sessions.open({
      sessionId,
      userId,
      secretHash: hash,
      method: local.method,
      network,
      userAgent,
      now,
    });
    for (const id of ended) await this.writeEnd(id, orgId, { ...meta, bodyHash: undefined });
    return { data: { userId, sessionId, sessionSecret: secret, absoluteExpiresAt } };
  }

  /** The row first: a session is over even where its end cannot be written down yet. */
  async logout(
    { sessionId }: z.output<typeof logout.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof logout.reply>>> {
    const { state, orgId } = await load(this.#parts.store, session, sessionStream(sessionId));
    if (state.status === 'unknown' || state.userId !== meta.actor || orgId === null)
      throw new KeyfleetError('resource.not-found');
    await this.#parts.sessions.end(sessionId);
    await this.writeEnd(sessionId, orgId, meta);
    return { data: {} };
  }

  /** Told by the gateway, which has just seen the session's secret. */
  async touch({
    sessionId,
  }: z.output<typeof touchSession.request>): Promise<CommandAnswer<z.input<typeof touchSession.reply>>> {
    await this.#parts.sessions.touch(sessionId, this.#parts.clock.now());
    return { data: {} };
  }

  async writeEnd(sessionId: string, orgId: string, meta: CommandMeta): Promise<void> {
    await handle(this.#parts, {
      decider: session,
      stream: sessionStream(sessionId),
      command: { type: 'SignOut' },
      orgId,
      meta: { ...meta, ifMatch: undefined },
    });
  }
}
