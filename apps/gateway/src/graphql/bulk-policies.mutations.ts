import { bulkPoliciesRequest } from '@keyfleet/contracts/http';
import { Inject } from '@nestjs/common';
import { Args, Context, Field, ID, InputType, Mutation, Resolver } from '@nestjs/graphql';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import type { GraphQLContext } from '../access/request.js';
import { BulkPolicies } from '../policies/bulk/bulk-policies.js';
import { JsonObject } from './json.scalar.js';
import { checked } from './page-args.js';
import { BulkPoliciesChangedObject } from './policy.types.js';

@InputType()
class BulkPoliciesInput {
  @Field({ description: '`assign`, `unassign`, `retire` or `rollout`.' }) action!: string;
  @Field(() => [ID], { description: '1 to 100, each once.' }) policies!: string[];
  @Field(() => JsonObject, { nullable: true, description: 'Of `assign` and `unassign`.' }) target?: object;
  @Field(() => String, { nullable: true, description: 'Of `rollout`: `pause`, `resume` or `halt`.' })
  control?: string;
}

/** As REST does it, by the same commands. */
@Resolver()
export class BulkPoliciesMutations {
  readonly #bulk: BulkPolicies;

  constructor(@Inject(BulkPolicies) bulk: BulkPolicies) {
    this.#bulk = bulk;
  }

  @Mutation(() => BulkPoliciesChangedObject)
  @Requires('policies:publish')
  async bulkPolicies(
    @Args('org') _org: string,
    @Args('input') input: BulkPoliciesInput,
    @Args('dryRun', {
      ...{ type: () => Boolean, defaultValue: false },
      description: 'Says what would come of it and writes nothing.',
    })
    dryRun: boolean,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Context() context: GraphQLContext,
  ): Promise<BulkPoliciesChangedObject> {
    const run = { actor, org, request: context.req, operation: 'bulkPolicies', dryRun };
    const { data, position } = await this.#bulk.run(checked(bulkPoliciesRequest, input), run);
    return { ...data, position: position ?? null };
  }
}
