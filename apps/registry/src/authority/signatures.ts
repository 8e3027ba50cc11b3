import { setImmediate as turn } from 'node:timers/promises';
import type { signTexts } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import type { z } from 'zod';
import type { Authority } from './authority.js';

/** A signature takes some 50 µs; so many at a time keep commands and renewals from waiting. */
const AT_ONCE = 50;

/**
 * Signs for the policy service, which alone may ask (its broker permissions say so). The purpose stands before every
 * text, so that nothing asked for here can pass for a command. `request.invalid` for a line that holds a line break.
 */
export class Signatures {
  readonly #authority: Pick<Authority, 'sign' | 'commandKeys'>;

  constructor(authority: Pick<Authority, 'sign' | 'commandKeys'>) {
    this.#authority = authority;
  }

  async sign({
    purpose,
    texts,
  }: z.output<typeof signTexts.request>): Promise<CommandAnswer<z.input<typeof signTexts.reply>>> {
    const [key = ''] = this.#authority.commandKeys();
    const signatures: string[] = [];
    for (const [index, lines] of texts.entries()) {
      if (lines.some((line) => line.includes('\n'))) throw new KeyfleetError('request.invalid');
      signatures.push(this.#authority.sign(purpose, lines).signature);
      if (index % AT_ONCE === AT_ONCE - 1) await turn();
    }
    return { data: { key, signatures } };
  }
}
