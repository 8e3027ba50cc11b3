import type { CommandContract, CommandMeta } from '@keyfleet/contracts/messages';
import type { z } from 'zod';

export interface CommandAnswer<Data> {
  readonly data: Data;
  /** Store position after the change, for `Keyfleet-Position`. */
  readonly position?: string | undefined;
  /** Stream revision after the change, for `ETag`. */
  readonly revision?: string | undefined;
  /** It was so already: nothing was written. */
  readonly unchanged?: boolean | undefined;
}

export interface CommandOptions {
  /** 5 s by default; more for what takes its time. */
  readonly timeoutMs?: number;
}

/** Sends a command to the service whose subject it has. Throws the service's own KeyfleetError, or `service.unavailable`. */
export interface Commands {
  send<Request extends z.ZodType, Reply extends z.ZodType>(
    contract: CommandContract<Request, Reply>,
    data: z.input<Request>,
    meta: CommandMeta,
    options?: CommandOptions,
  ): Promise<CommandAnswer<z.output<Reply>>>;
}

export const COMMANDS = Symbol('Commands');
