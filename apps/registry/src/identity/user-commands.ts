import {
  type Access,
  answer,
  type Handled,
  type HandlerParts,
  handle,
  load,
} from '@keyfleet/command-handling';
import type { CommandMeta, disableUser } from '@keyfleet/contracts/messages';
import {
  type Organisation,
  organisation,
  organisationStream,
  ownersOf,
  user,
  userStream,
} from '@keyfleet/identity/domain';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import type { z } from 'zod';
import type { ApiTokenCommands } from './api-token-commands.js';
import type { Directory } from './directory.js';
import { may } from './may.js';
import type { People } from './people.js';
import type { Sessions } from './sessions.js';
import type { SignInCommands } from './sign-in-commands.js';

export interface UserParts extends HandlerParts {
  readonly access: Access;
  readonly directory: Pick<Directory, 'apply' | 'organisationsOf' | 'permissionsOf'>;
  readonly people: Pick<People, 'homeOf'>;
  readonly sessions: Pick<Sessions, 'endAllOf'>;
  readonly signIn: Pick<SignInCommands, 'writeEnd'>;
  readonly apiTokens: Pick<ApiTokenCommands, 'endIssuedBy'>;
}

export class UserCommands {
  readonly #parts: UserParts;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  /**
   * Cuts a user off: sessions, tokens they issued, and any way back. A user who also belongs to an organisation where
   * the actor has no say loses the membership here and nothing elsewhere.
   */
  async disable(
    { userId }: z.output<typeof disableUser.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof disableUser.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'users:write');
    const orgs = await this.#parts.directory.organisationsOf(userId);
    // Who left in an attempt that died is no member any more, and may still have tokens here: leaving finishes that,
    // and finds nobody who was never here.
    const everywhere = orgs.includes(orgId) && (await this.#mayDisableIn(orgs, meta.actor));
    const handled = everywhere
      ? await this.#disable(userId, orgs, meta)
      : await this.#leave(userId, orgId, meta);
    await this.#parts.apiTokens.endIssuedBy(userId, everywhere ? orgs : [orgId], meta);
    return answer({}, handled);
  }

  async #mayDisableIn(orgs: readonly string[], actor: string): Promise<boolean> {
    for (const orgId of orgs) {
      if (!(await may(this.#parts.access, { actor, orgId }, 'users:write'))) return false;
    }
    return true;
  }

  async #disable(userId: string, orgs: readonly string[], meta: CommandMeta): Promise<Handled<unknown>> {
    for (const orgId of orgs) await this.#refuseLastOwner(userId, orgId);
    const home = await this.#parts.people.homeOf(userId);
    if (home === null) throw new KeyfleetError('resource.not-found');
    const handled = await handle(this.#parts, {
      decider: user,
      stream: userStream(userId),
      command: { type: 'DisableUser' },
      orgId: home,
      meta: { ...meta, ifMatch: undefined },
    });
    await this.#parts.directory.apply(handled.events);
    for (const sessionId of await this.#parts.sessions.endAllOf(userId))
      await this.#parts.signIn.writeEnd(sessionId, home, { ...meta, bodyHash: undefined });
    return handled;
  }

  /** Asks the organisation's own rule; nothing is changed. */
  async #refuseLastOwner(userId: string, orgId: string): Promise<void> {
    const { state } = await load(this.#parts.store, organisation, organisationStream(orgId));
    const absentOwners = await this.#absentOwners(orgId, state);
    organisation.decide({ type: 'RevokeMembership', userId, absentOwners }, state);
  }

  async #absentOwners(orgId: string, state: Organisation): Promise<ReadonlySet<string>> {
    const absent = new Set<string>();
    for (const owner of ownersOf(state))
      if ((await this.#parts.directory.permissionsOf(owner, orgId)) === null) absent.add(owner);
    return absent;
  }

  async #leave(userId: string, orgId: string, meta: CommandMeta): Promise<Handled<unknown>> {
    const stream = organisationStream(orgId);
    const { state } = await load(this.#parts.store, organisation, stream);
    const absentOwners = await this.#absentOwners(orgId, state);
    const handled = await handle(this.#parts, {
      decider: organisation,
      stream,
      command: { type: 'RevokeMembership', userId, absentOwners },
      orgId,
      meta,
    });
    await this.#parts.directory.apply(handled.events);
    return handled;
  }
}
