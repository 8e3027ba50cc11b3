import type { PolicyDocument } from '@keyfleet/contracts';
import type { PolicyContent } from '@keyfleet/contracts/http';
import type { Analyser } from './analyser.js';
import { documentOf } from './content.js';

/** Reads what somebody wrote, away from the thread that answers. */
export class DocumentReader {
  readonly #analyser: Analyser;

  constructor(analyser: Analyser) {
    this.#analyser = analyser;
  }

  /** Throws `policy.invalid` with every problem: of a text with its line and column. */
  async read(content: PolicyContent): Promise<PolicyDocument> {
    return documentOf(content, await this.#analyser.run((ask) => ask({ kind: 'read', content })));
  }
}
