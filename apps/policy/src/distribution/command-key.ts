import { isKeyfleetError } from '@keyfleet/kernel';
import type { Signer } from './signer.js';

/** Too short for a manifest: nobody can be told anything with what is signed here. */
const QUESTION = [['which-key']];
const TIMEOUT_MS = 2_000;

/**
 * Learns which key the authority signs with. While it is replaced, registries that were not started anew yet still sign
 * with the one before; so a key counts once it answered twice in a row.
 */
export class CommandKey {
  readonly #signer: Pick<Signer, 'sign'>;
  #last: string | undefined;

  constructor(signer: Pick<Signer, 'sign'>) {
    this.#signer = signer;
  }

  /** Asks; undefined where no registry answers, or another key than the last time. */
  async look(): Promise<string | undefined> {
    const before = this.#last;
    try {
      const { key } = await this.#signer.sign('keyfleet.manifest.v1', QUESTION, { timeoutMs: TIMEOUT_MS });
      this.#last = key;
      return key === before ? key : undefined;
    } catch (error) {
      // Nothing waits for it: it is asked again with the next look at everything.
      if (isKeyfleetError(error)) return undefined;
      throw error;
    }
  }
}
