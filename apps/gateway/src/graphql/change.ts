import type { CommandContract } from '@keyfleet/contracts/messages';
import { Field, ID, ObjectType } from '@nestjs/graphql';
import type { z } from 'zod';
import type { Actor, OrgAccess } from '../access/actor.js';
import type { GraphQLContext } from '../access/request.js';
import { commandMetaOf } from '../commands/meta.js';
import type { CommandAnswer, Commands } from '../commands/registry-commands.js';
import { refusal } from '../http/validation.js';

@ObjectType('Changed')
export class ChangedObject {
  @Field(() => ID) id!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Send it as Keyfleet-Position to read your own write.',
  })
  position!: string | null;
}

/** Who changes what where. */
export interface Changing {
  /** Of what is changed; part of what an Idempotency-Key is bound to. */
  readonly id: string;
  readonly actor: Actor;
  readonly org: OrgAccess;
  readonly context: GraphQLContext;
}

/** The same command as REST sends. */
export async function sendChange<Request extends z.ZodType, Reply extends z.ZodType>(
  commands: Commands,
  contract: CommandContract<Request, Reply>,
  input: unknown,
  { id, actor, org, context }: Changing,
): Promise<CommandAnswer<z.output<Reply>>> {
  const data = parse(contract, input);
  const operation = `${contract.subject} ${id}`;
  const meta = commandMetaOf(context.req, { actor, orgId: org.id, operation, body: data });
  return commands.send(contract, data, meta);
}

export async function change<Request extends z.ZodType, Reply extends z.ZodType>(
  commands: Commands,
  contract: CommandContract<Request, Reply>,
  input: unknown,
  where: Changing,
): Promise<ChangedObject> {
  const { position } = await sendChange(commands, contract, input, where);
  return { id: where.id, position: position ?? null };
}

export function parse<Request extends z.ZodType>(
  contract: { readonly request: Request },
  input: unknown,
): z.input<Request> {
  const parsed = contract.request.safeParse(input);
  if (!parsed.success) throw refusal(parsed.error.issues);
  return parsed.data as z.input<Request>;
}
