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

export interface ApiTokenParts extends HandlerParts {
  readonly access: Access;
  readonly directory: Pick<Directory, 'apply'>;
}

export class ApiTokenCommands {
  readonly #parts: ApiTokenParts;

  constructor(parts: ApiTokenParts) {
    this.#parts = parts;
  }

  async issue(
    request: z.output<typeof issueApiToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof issueApiToken.reply>>> {
    const { orgId, permissions: issuerMay } = await this.#parts.access.require(meta, 'tokens:write');
    const { name, permissions, expiresIn } = request;
    const tokenId = deriveId('tok', meta.commandId);
    const { secret: token, hash: secretHash } = mintApiToken();
    const expiresAt =
      expiresIn === undefined ? null : toTimestamp(this.#parts.clock.now() + expiresIn * 1_000);
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
    return answer({ id: tokenId, token, expiresAt }, handled);
  }

  async revoke(
    { tokenId }: z.output<typeof revokeApiToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof revokeApiToken.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'tokens:write');
    return answer({}, await this.end(tokenId, orgId, meta));
  }

  /** Without asking whether the actor may. The token has stopped working when this resolves. */
  async end(tokenId: string, orgId: string, meta: CommandMeta): Promise<Handled<unknown>> {
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
