import { type MintedSecret, mintEnrolmentToken } from '@keyfleet/auth';
import {
  type Access,
  answer,
  type HandlerParts,
  handle,
  refuseToShowAgain,
} from '@keyfleet/command-handling';
import type { CommandMeta, issueEnrolmentToken, revokeEnrolmentToken } from '@keyfleet/contracts/messages';
import { KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import { enrolmentToken, enrolmentTokenStream } from '@keyfleet/registry/domain';
import type { z } from 'zod';
import { within } from '../identity/within.js';
import type { AgentAuthority } from './agent-authority.js';
import type { EnrolmentSecrets } from './enrolment-secrets.js';

const DEFAULT_SECONDS = 15 * 60;

export interface TokenCommandParts extends HandlerParts {
  readonly access: Access;
  readonly authority: Pick<AgentAuthority, 'pins'>;
  readonly secrets: EnrolmentSecrets;
  /** When an actor's rights run out by themselves, in milliseconds since the epoch; `null` where they do not. */
  readonly expiryOf: (actor: string) => Promise<number | null>;
}

/** Enrolment tokens as people handle them. */
export class TokenCommands {
  readonly #parts: TokenCommandParts;

  constructor(parts: TokenCommandParts) {
    this.#parts = parts;
  }

  async issue(
    request: z.output<typeof issueEnrolmentToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof issueEnrolmentToken.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'enrolment:write');
    const tokenId = deriveId('etk', meta.commandId);
    const wanted = this.#parts.clock.now() + (request.expiresIn ?? DEFAULT_SECONDS) * 1_000;
    // It opens nothing without the right of its issuer, so it says no later end than that of an API token.
    const expiresAt = toTimestamp(within(wanted, await this.#parts.expiryOf(meta.actor)));
    const { secret: token, hash: secretHash } = await this.#mint();
    await this.#parts.secrets.remember(secretHash, tokenId, expiresAt);
    const { uses = 1, labels = {} } = request;
    const handled = await handle(this.#parts, {
      decider: enrolmentToken,
      stream: enrolmentTokenStream(tokenId),
      command: { type: 'IssueEnrolmentToken', tokenId, secretHash, uses, expiresAt, labels },
      orgId,
      meta,
    });
    refuseToShowAgain(handled.replayed, tokenId);
    return answer({ id: tokenId, token, expiresAt }, handled);
  }

  async revoke(
    { tokenId }: z.output<typeof revokeEnrolmentToken.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof revokeEnrolmentToken.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'enrolment:write');
    const handled = await handle(this.#parts, {
      decider: enrolmentToken,
      stream: enrolmentTokenStream(tokenId),
      command: { type: 'RevokeEnrolmentToken' },
      orgId,
      meta,
    });
    return answer({}, handled);
  }

  async #mint(): Promise<MintedSecret> {
    const [pin] = await this.#parts.authority.pins();
    if (pin === undefined) throw new KeyfleetError('internal.error');
    return mintEnrolmentToken(pin);
  }
}
