import type { CommandContract } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { createParamDecorator, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Actor, OrgAccess } from '../access/actor.js';
import { accessOf } from '../access/request.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type CommandOptions, type Commands } from '../commands/registry-commands.js';
import { answerWrite } from '../http/write-headers.js';

/** Who writes where, and where the answer's headers go. */
export interface Writer {
  readonly actor: Actor;
  readonly org: OrgAccess;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** The request as its guard has checked it. */
export const CurrentWriter = createParamDecorator((_: unknown, context: ExecutionContext): Writer => {
  const { actor, org } = accessOf(context);
  if (org === null)
    throw new KeyfleetError('internal.error', { detail: 'no organisation was checked for this route' });
  const http = context.switchToHttp();
  return { actor, org, request: http.getRequest<FastifyRequest>(), reply: http.getResponse<FastifyReply>() };
});

interface Write extends CommandOptions {
  /** Route template; part of what an Idempotency-Key is bound to. */
  readonly operation: string;
  /** As the caller sent it. */
  readonly body?: unknown;
}

/** Commands of the policy service, with the headers every write takes and answers. */
@Injectable()
export class PolicyWrites {
  readonly #commands: Commands;

  constructor(@Inject(COMMANDS) commands: Commands) {
    this.#commands = commands;
  }

  async send<Request extends z.ZodType, Reply extends z.ZodType>(
    contract: CommandContract<Request, Reply>,
    data: z.input<Request>,
    { actor, org, request, reply }: Writer,
    { operation, body = null, ...options }: Write,
  ): Promise<z.output<Reply>> {
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation, body });
    return answerWrite(reply, await this.#commands.send(contract, data, meta, options));
  }
}
