import {
  type AgentCommand,
  agentCommand,
  COMMAND_TTL_MS,
  commandSigningInput,
} from '@keyfleet/contracts/messages';
import { verifyNkeySignature } from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import type { LinkCommands, LinkLogger } from '../host.js';
import { reasonOf } from '../identity/enrol.js';
import type { IdentityStore } from '../identity/store.js';
import type { ExecutedCommands } from './executed.js';

export interface CommandsOptions {
  readonly store: IdentityStore;
  readonly executed: ExecutedCommands;
  readonly handlers: LinkCommands;
  readonly clock: Clock;
  readonly logger: LinkLogger;
  beatNow(): void;
  fetchPolicy(): void;
}

export type CommandRefusal = 'malformed' | 'foreign' | 'unknown-key' | 'signature' | 'expired' | 'repeated';

const MAX_BYTES = 8 * 1024;

/** What the control plane tells this agent: only what a pinned key signed for it, in time, and once. */
export class Commands {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Undefined where the command was executed. Never rejects. */
  async handle(payload: Uint8Array): Promise<CommandRefusal | undefined> {
    const { logger } = this.#options;
    try {
      const command = readCommand(payload);
      const refusal = command ? this.#judge(command) : 'malformed';
      if (refusal !== undefined || !command) {
        logger.warn({ refusal }, 'A command was refused.');
        return refusal;
      }
      logger.info({ command: command.id, verb: command.verb }, 'A command of the control plane is executed.');
      await this.#execute(command);
    } catch (error) {
      logger.error({ reason: reasonOf(error) }, 'A command failed.');
    }
    return undefined;
  }

  #judge(command: AgentCommand): CommandRefusal | undefined {
    const { store, clock, executed } = this.#options;
    const identity = store.current;
    if (command.agentId !== identity?.agentId) return 'foreign';
    if (!identity.commandKeys.includes(command.key)) return 'unknown-key';
    if (!verifyNkeySignature(command.key, commandSigningInput(command), command.signature))
      return 'signature';
    const issued = Date.parse(command.issuedAt);
    const expires = Date.parse(command.expiresAt);
    const now = clock.now();
    // Issued in the future by more than its life: one of the clocks is wrong, and it would be good for too long.
    if (now >= expires || expires - issued > COMMAND_TTL_MS || issued - now > COMMAND_TTL_MS)
      return 'expired';
    return executed.begin(command.id) ? undefined : 'repeated';
  }

  async #execute({ verb, args }: AgentCommand): Promise<void> {
    const { handlers, beatNow } = this.#options;
    switch (verb) {
      case 'check-now':
        break;
      case 'policy-changed':
        this.#options.fetchPolicy();
        break;
      case 'rotate':
        if (args.path !== undefined) await handlers.rotate(args.path);
        break;
      case 'lock':
        await handlers.lock();
        break;
      default:
        verb satisfies never;
    }
    beatNow();
  }
}

function readCommand(payload: Uint8Array): AgentCommand | undefined {
  if (payload.byteLength > MAX_BYTES) return undefined;
  try {
    return agentCommand.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    return undefined;
  }
}
