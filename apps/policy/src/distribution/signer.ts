import { signTexts } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandClient } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { z } from 'zod';

export type Purpose = z.infer<typeof signTexts.request>['purpose'];

export interface Signed {
  /** Public NKey. */
  readonly key: string;
  /** In the order of the texts. */
  readonly signatures: readonly string[];
}

/** Asks the registry's authority, which alone holds the key: at most 1,000 texts, each a list of lines. */
export interface Signer {
  /** Waits 15 s for the answer unless told otherwise. */
  sign(
    purpose: Purpose,
    texts: readonly (readonly string[])[],
    options?: { readonly timeoutMs?: number },
  ): Promise<Signed>;
}

/** A thousand signatures are made in well under a second, and registries may be busy. */
const TIMEOUT_MS = 15_000;

/** Throws `service.unavailable` where no registry answers. */
export class AuthoritySigner implements Signer {
  readonly #commands: Pick<CommandClient, 'send'>;

  constructor(commands: Pick<CommandClient, 'send'>) {
    this.#commands = commands;
  }

  async sign(
    purpose: Purpose,
    texts: readonly (readonly string[])[],
    { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<Signed> {
    const commandId = newId('cmd');
    const meta = { commandId, actor: 'svc_policy', orgId: null, correlationId: commandId };
    const request = { purpose, texts: texts.map((lines) => [...lines]) };
    const { data } = await this.#commands.send(signTexts, request, meta, { timeoutMs });
    if (data.signatures.length !== texts.length)
      throw new KeyfleetError('internal.error', { detail: 'The authority signed another number of texts.' });
    return data;
  }
}
