import { mintApiToken } from '@keyfleet/auth';
import {
  type Access,
  answer,
  type Handled,
  type HandlerParts,
  handle,
  refuseToShowAgain,
} from '@keyfleet/command-handling';
import type { CommandMeta, issueApiToken, revokeApiToken } from '@keyfleet/contracts/messages';
import { apiToken, apiTokenStream } from '@keyfleet/identity/domain';
import { toTimestamp } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import type { z } from 'zod';
import type { Directory } from './directory.js';
import { within } from './within.js';

export interface ApiTokenParts extends HandlerParts {
  readonly access: Access;
  readonly directory: Pick<Directory, 'apply' | 'expiryOf' | 'tokensIssuedBy'>;
}

export class ApiTokenCommands {
  readonly #parts: ApiTokenParts;

  constructor(parts: ApiTokenParts) {
    this.#parts = parts;
  }

  /** A token issued by a token ends with it: no later than it runs out, and when it is revoked. */
  async issue(
    request: z.output<typeof issueApiToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof issueApiToken.reply>>> {
    const { orgId, permissions: issuerMay } = await this.#parts.access.require(meta, 'tokens:write');
    const { name, permissions, expiresIn } = request;
    const tokenId = deriveId('tok', meta.commandId);
    const { secret: token, hash: secretHash } = mintApiToken();
    const wanted = expiresIn === undefined ? null : this.#parts.clock.now() + expiresIn * 1_000;
    const ends = within(wanted, await this.#parts.directory.expiryOf(meta.actor));
    const expiresAt = ends === null ? null : toTimestamp(ends);
    const handled = await handle(this.#parts, {
      decider: apiToken,
      stream: apiTokenStream(tokenId),
      command: {
        type: 'IssueApiToken',
        tokenId,
        orgId,
        name,
        secretHash,
        permissions,
        issuerMay,
        expiresAt,
      },
      orgId,
      meta,
    });
    await this.#parts.directory.apply(handled.events);
    refuseToShowAgain(handled.replayed, tokenId);
    await this.#askAgain(tokenId, orgId, meta);
    return answer({ id: tokenId, token, expiresAt }, handled);
  }

  /** Whoever was cut off since the first look: those who did it did not see this token yet. */
  async #askAgain(tokenId: string, orgId: string, meta: CommandMeta): Promise<void> {
    try {
      await this.#parts.access.require(meta, 'tokens:write');
    } catch (error) {
      // A command of its own: under the one that issued it, its Idempotency-Key would find this as done already.
      const commandId = deriveId('cmd', meta.commandId, 'end');
      await this.end(tokenId, orgId, { ...meta, commandId, ifMatch: undefined });
      throw error;
    }
  }

  async revoke(
    { tokenId }: z.output<typeof revokeApiToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof revokeApiToken.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'tokens:write');
    return answer({}, await this.end(tokenId, orgId, meta));
  }

  /** Without asking whether the actor may. The token and all that came of it have stopped working when this resolves. */
  async end(tokenId: string, orgId: string, meta: CommandMeta): Promise<Handled<unknown>> {
    const handled = await this.#endOne(tokenId, orgId, meta);
    await this.endIssuedBy(tokenId, [orgId], meta);
    return handled;
  }

  /** The same for all that came of a user or a token in these organisations. */
  async endIssuedBy(issuer: string, orgs: readonly string[], meta: CommandMeta): Promise<void> {
    const ended = new Set<string>();
    for (;;) {
      const issued = await this.#parts.directory.tokensIssuedBy(issuer);
      const left = issued.filter(({ tokenId, orgId }) => orgs.includes(orgId) && !ended.has(tokenId));
      // Looked at again after the last one: until its turn came a token could issue another.
      if (left.length === 0) return;
      for (const { tokenId, orgId } of left) {
        await this.#endOne(tokenId, orgId, { ...meta, ifMatch: undefined });
        ended.add(tokenId);
      }
    }
  }

  async #endOne(tokenId: string, orgId: string, meta: CommandMeta): Promise<Handled<unknown>> {
    const handled = await handle(this.#parts, {
      decider: apiToken,
      stream: apiTokenStream(tokenId),
      command: { type: 'RevokeApiToken' },
      orgId,
      meta,
    });
    await this.#parts.directory.apply(handled.events);
    return handled;
  }
}
