import * as messages from '@keyfleet/contracts/messages';
import { Inject } from '@nestjs/common';
import { Args, Context, Field, ID, InputType, Int, Mutation, Resolver } from '@nestjs/graphql';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import type { GraphQLContext } from '../access/request.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { ChangedObject, change, parse } from './change.js';
import { JsonObject } from './json.scalar.js';
import { withoutNulls } from './page-args.js';
import { IssuedEnrolmentTokenObject } from './types.js';

@InputType()
class IssueEnrolmentTokenInput {
  @Field(() => Int, { nullable: true, description: 'Seconds; 15 minutes by default.' }) expiresIn?: number;
  @Field(() => Int, { nullable: true }) uses?: number;
  @Field(() => JsonObject, { nullable: true }) labels?: Record<string, string>;
}

@InputType()
class DefineGroupInput {
  @Field(() => ID, { nullable: true, description: 'Names an existing group to change.' }) id?: string;
  @Field() name!: string;
  @Field() selector!: string;
  @Field(() => Int, { nullable: true }) offlineAfterSeconds?: number;
}

/** The same commands as REST, on the same services. */
@Resolver()
export class FleetMutations {
  readonly #commands: Commands;

  constructor(@Inject(COMMANDS) commands: Commands) {
    this.#commands = commands;
  }

  @Mutation(() => IssuedEnrolmentTokenObject)
  @Requires('enrolment:write')
  async issueEnrolmentToken(
    @Args('org') _org: string,
    @Args('input', { nullable: true }) input: IssueEnrolmentTokenInput,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ): Promise<IssuedEnrolmentTokenObject> {
    const data = parse(messages.issueEnrolmentToken, withoutNulls(input ?? {}));
    const meta = commandMetaOf(context.req, {
      actor,
      orgId: org.id,
      operation: 'POST enrolment-tokens',
      body: data,
    });
    return (await this.#commands.send(messages.issueEnrolmentToken, data, meta)).data;
  }

  @Mutation(() => ChangedObject)
  @Requires('enrolment:write')
  revokeEnrolmentToken(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    return change(
      this.#commands,
      messages.revokeEnrolmentToken,
      { tokenId: id },
      { id, actor, org, context },
    );
  }

  @Mutation(() => ChangedObject)
  @Requires('agents:revoke')
  revokeAgent(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    return change(this.#commands, messages.revokeAgent, { agentId: id }, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('agents:write')
  labelAgent(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('labels', { type: () => JsonObject }) labels: Record<string, string>,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    return change(this.#commands, messages.labelAgent, { agentId: id, labels }, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('groups:write')
  async defineGroup(
    @Args('org') _org: string,
    @Args('input') input: DefineGroupInput,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ): Promise<ChangedObject> {
    const { id, ...rest } = withoutNulls(input) as DefineGroupInput;
    const data = parse(messages.defineGroup, id === undefined ? rest : { ...rest, groupId: id });
    const meta = commandMetaOf(context.req, {
      actor,
      orgId: org.id,
      operation: id === undefined ? 'POST groups' : `PUT groups/${id}`,
      body: data,
    });
    const answer = await this.#commands.send(messages.defineGroup, data, meta);
    return { id: answer.data.id, position: answer.position ?? null };
  }

  @Mutation(() => ChangedObject)
  @Requires('groups:write')
  removeGroup(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    return change(this.#commands, messages.removeGroup, { groupId: id }, { id, actor, org, context });
  }
}
