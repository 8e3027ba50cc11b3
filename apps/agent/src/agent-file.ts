import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@keyfleet/platform';
import { writePrivateFile } from './files.js';

export interface AgentFileOptions {
  /** Of the agent. */
  readonly directory: string;
  /** Who the agent is; `null` before enrolment. */
  readonly agentId: () => string | null;
  /** Where it is. */
  readonly about: Readonly<Record<string, string>>;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * `agent.json` tells scripts where the agent is and, once it knows, who. It is a convenience: where it cannot be
 * written the agent serves without it, and whoever calls `write` again tries again. Nothing here throws.
 */
export class AgentFile {
  readonly #options: AgentFileOptions;
  readonly #path: string;
  #written: string | null | undefined;
  #failing = false;
  #closed = false;

  constructor(options: AgentFileOptions) {
    this.#options = options;
    this.#path = join(options.directory, 'agent.json');
  }

  /** Does nothing where it says already what there is to say. */
  write(): void {
    if (this.#closed) return;
    const { about, logger } = this.#options;
    try {
      const agentId = this.#options.agentId();
      if (agentId === this.#written) return;
      writePrivateFile(this.#path, `${JSON.stringify({ ...about, pid: process.pid, agentId })}\n`);
      this.#written = agentId;
      this.#failing = false;
    } catch (err) {
      if (!this.#failing) logger.warn({ err }, 'agent.json could not be written; it will be tried again');
      this.#failing = true;
      // What an earlier process left would send scripts to where nobody listens.
      if (this.#written === undefined) this.#remove();
    }
  }

  /** The agent is nowhere any more. */
  close(): void {
    this.#closed = true;
    this.#remove();
  }

  #remove(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch (err) {
      this.#options.logger.warn({ err }, 'agent.json could not be removed');
    }
  }
}
