import * as messages from '@keyfleet/contracts/messages';
import { Inject } from '@nestjs/common';
import { Args, Context, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import type { GraphQLContext } from '../access/request.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { ChangedObject, change, sendChange } from './change.js';
import { JsonObject } from './json.scalar.js';
import { withoutNulls } from './page-args.js';

@InputType()
class DraftPolicyInput {
  @Field(() => ID, { nullable: true, description: 'Names an existing policy to write the draft of.' })
  id?: string;
  @Field() name!: string;
  @Field(() => String, { nullable: true, description: 'YAML or JSON; this or `document`.' }) text?: string;
  @Field(() => JsonObject, { nullable: true }) document?: object;
  @Field(() => String, {
    nullable: true,
    description:
      'Hash of the draft this takes the place of, null where there was none: refused where it is another one by now.',
  })
  replaces?: string | null;
}

@InputType()
class ReviewPolicyInput {
  @Field({ description: 'Of the draft that was read.' }) hash!: string;
  @Field({ description: '`approved` or `rejected`.' }) verdict!: string;
  @Field(() => String, { nullable: true }) comment?: string;
}

@InputType()
class PublishPolicyInput {
  @Field(() => Int, { nullable: true, description: 'A version to go back to, instead of the draft.' })
  restore?: number;
  @Field(() => String, {
    nullable: true,
    description: 'Of what was read and is to be published: refused where it is something else by now.',
  })
  hash?: string;
  @Field(() => JsonObject, { nullable: true, description: 'Waves; to everybody at once by default.' })
  plan?: object;
}

@ObjectType('PolicyAssigned')
class PolicyAssignedObject extends ChangedObject {
  @Field(() => ID) assignmentId!: string;
}

/** The same commands as REST, on the same service. */
@Resolver()
export class PolicyMutations {
  readonly #commands: Commands;

  constructor(@Inject(COMMANDS) commands: Commands) {
    this.#commands = commands;
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:write')
  async draftPolicy(
    @Args('org') _org: string,
    @Args('input') input: DraftPolicyInput,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ): Promise<ChangedObject> {
    const { id, name, text, document } = withoutNulls(input) as DraftPolicyInput;
    const content = text === undefined ? { document } : { text };
    // Here null says something: that there was no draft.
    const replaces = input.replaces === undefined ? {} : { replaces: input.replaces };
    const data = { name, content, ...replaces, ...(id === undefined ? {} : { policyId: id }) };
    const where = { id: id ?? '', actor, org, context };
    const answer = await sendChange(this.#commands, messages.draftPolicy, data, where);
    return { id: answer.data.id, position: answer.position ?? null };
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:write')
  discardPolicyDraft(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('hash', {
      type: () => String,
      nullable: true,
      description: 'Of the draft that was read: refused where it is another one by now.',
    })
    hash: string | null,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = { policyId: id, ...withoutNulls({ hash }) };
    return change(this.#commands, messages.discardDraft, data, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:write')
  requestPolicyReview(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('comment', { type: () => String, nullable: true }) comment: string | null,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = withoutNulls({ policyId: id, comment });
    return change(this.#commands, messages.requestReview, data, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:write')
  reviewPolicy(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('input') input: ReviewPolicyInput,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = { ...withoutNulls(input), policyId: id };
    return change(this.#commands, messages.reviewPolicy, data, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:publish')
  publishPolicy(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('input', { nullable: true }) input: PublishPolicyInput,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = { ...withoutNulls(input ?? {}), policyId: id };
    return change(this.#commands, messages.publishPolicy, data, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:publish')
  retirePolicy(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    return change(this.#commands, messages.retirePolicy, { policyId: id }, { id, actor, org, context });
  }

  @Mutation(() => PolicyAssignedObject)
  @Requires('policies:publish')
  async assignPolicy(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('target', { type: () => JsonObject }) target: object,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ): Promise<PolicyAssignedObject> {
    const where = { id, actor, org, context };
    const { data, position } = await sendChange(
      this.#commands,
      messages.assignPolicy,
      { policyId: id, target },
      where,
    );
    return { id, assignmentId: data.assignmentId, position: position ?? null };
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:publish')
  unassignPolicy(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('assignmentId', { type: () => ID }) assignmentId: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = { policyId: id, assignmentId };
    return change(this.#commands, messages.unassignPolicy, data, { id, actor, org, context });
  }

  @Mutation(() => ChangedObject)
  @Requires('policies:publish')
  controlRollout(
    @Args('org') _org: string,
    @Args('id', { type: () => ID }) id: string,
    @Args('action', {
      description: '`pause`, `resume`, `advance` or `halt`. To advance the last wave completes the rollout.',
    })
    action: string,
    @Args('wave', {
      type: () => Int,
      nullable: true,
      description: 'The wave that was seen, from 0: refused where the rollout is in another one by now.',
    })
    wave: number | null | undefined,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ) {
    const data = { policyId: id, action, ...(typeof wave === 'number' && { wave }) };
    return change(this.#commands, messages.controlRollout, data, { id, actor, org, context });
  }
}
