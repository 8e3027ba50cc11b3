import { policyTarget } from '@keyfleet/contracts';
import { isId, KeyfleetError } from '@keyfleet/kernel';
import { Inject } from '@nestjs/common';
import { Args, ArgsType, Field, ID, ResolveField, Resolver } from '@nestjs/graphql';
import { CurrentOrg, Requires } from '../access/access.decorator.js';
import type { OrgAccess } from '../access/actor.js';
import { POLICY_READS, type PolicyReads } from '../reads/policy-reads.js';
import { Connection, toConnection } from './connection.js';
import { JsonObject } from './json.scalar.js';
import { OrgObject } from './org.resolver.js';
import { checked, listArgs, PageArgs, perItem } from './page-args.js';
import {
  AgentPolicyObject,
  PolicyObject,
  PolicySummaryObject,
  PolicyTargetPreviewObject,
} from './policy.types.js';

const PolicyConnection = Connection('Policy', PolicySummaryObject);
const AgentPolicyConnection = Connection('AgentPolicy', AgentPolicyObject);

@ArgsType()
class AgentPolicyArgs extends PageArgs {
  @Field(() => ID, { nullable: true, description: 'Only agents that should decide by this policy.' })
  policy?: string;
}

/** Policies of an organisation, from the same reads as REST. */
@Resolver(() => OrgObject)
export class PolicyResolver {
  readonly #reads: PolicyReads;

  constructor(@Inject(POLICY_READS) reads: PolicyReads) {
    this.#reads = reads;
  }

  @ResolveField(() => PolicyConnection, { complexity: perItem })
  @Requires('policies:read')
  async policies(@CurrentOrg() org: OrgAccess, @Args() args: PageArgs) {
    return toConnection(await this.#reads.policies(org.id, listArgs(args)));
  }

  @ResolveField(() => PolicyObject, { nullable: true })
  @Requires('policies:read')
  async policy(
    @CurrentOrg() org: OrgAccess,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<PolicyObject | null> {
    if (!isId('pol', id)) return null;
    return (await this.#reads.policy(org.id, id))?.view ?? null;
  }

  @ResolveField(() => AgentPolicyConnection, { complexity: perItem })
  @Requires('policies:read')
  async agentPolicies(@CurrentOrg() org: OrgAccess, @Args() args: AgentPolicyArgs) {
    const { policy } = args;
    if (policy && !isId('pol', policy)) throw new KeyfleetError('resource.not-found');
    return toConnection(
      await this.#reads.agentPolicies(org.id, { ...listArgs(args), policy: policy ?? undefined }),
    );
  }

  @ResolveField(() => PolicyTargetPreviewObject, {
    description: 'Whom an assignment to this target would meet now.',
  })
  @Requires('policies:read')
  async policyTarget(
    @CurrentOrg() org: OrgAccess,
    @Args('target', { type: () => JsonObject }) target: object,
  ): Promise<PolicyTargetPreviewObject> {
    const found = await this.#reads.targetPreview(org.id, checked(policyTarget, target));
    if (found === null) throw new KeyfleetError('resource.not-found');
    return found;
  }
}
