import type { CommandContract, CommandMeta } from '@keyfleet/contracts/messages';
import type { z } from 'zod';

export interface CommandAnswer<Data> {
  readonly data: Data;
  /** Store position after the change, for `Keyfleet-Position`. */
  readonly position?: string | undefined;
  /** Stream revision after the change, for `ETag`. */
  readonly revision?: string | undefined;
}

/** Sends a command to the service that decides it. Throws the service's own KeyfleetError, or `service.unavailable`. */
export interface Commands {
  send<Request extends z.ZodType, Reply extends z.ZodType>(
    contract: CommandContract<Request, Reply>,
    data: z.input<Request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.output<Reply>>>;
}

export const COMMANDS = Symbol('Commands');
