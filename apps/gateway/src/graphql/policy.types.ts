import { ROLLOUT_STATES } from '@keyfleet/contracts';
import {
  AGENT_POLICY_STATES,
  type AgentPolicyView,
  BULK_OUTCOMES,
  type BulkPoliciesAnswer,
  type BulkPolicyItem,
  POLICY_STATES,
  type PolicySummary,
  type PolicyTargetPreview,
  type PolicyView,
  type RolloutView,
} from '@keyfleet/contracts/http';
import { Field, ID, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { JsonObject } from './json.scalar.js';
import { DOCUMENT_COST } from './page-args.js';
import { PolicyVersionObject } from './types.js';

/** Output classes: the one allowed second shape. `types.spec.ts` ties each to its schema's inferred type. */

const named = (values: readonly string[]) => Object.fromEntries(values.map((value) => [value, value]));
const PolicyStateName = named(POLICY_STATES);
const RolloutStateName = named(ROLLOUT_STATES);
const AgentPolicyStateName = named(AGENT_POLICY_STATES);
const BulkOutcomeName = named(BULK_OUTCOMES);
registerEnumType(PolicyStateName, { name: 'PolicyState' });
registerEnumType(RolloutStateName, { name: 'RolloutState' });
registerEnumType(AgentPolicyStateName, { name: 'AgentPolicyState' });
registerEnumType(BulkOutcomeName, { name: 'BulkOutcome' });

@ObjectType('PolicySummary')
export class PolicySummaryObject implements PolicySummary {
  @Field(() => ID) id!: string;
  @Field() name!: string;
  @Field(() => PolicyStateName) state!: PolicySummary['state'];
  @Field(() => Int, { nullable: true, description: 'The newest published one.' }) version!: number | null;
  @Field() hasDraft!: boolean;
  @Field(() => Int) statements!: number;
  @Field(() => Int) assignments!: number;
  @Field(() => RolloutStateName, { nullable: true }) rollout!: PolicySummary['rollout'];
  @Field() changedAt!: string;
  @Field() changedBy!: string;
}

type Published = NonNullable<PolicyView['published']>;
type Draft = NonNullable<PolicyView['draft']>;
type Review = NonNullable<Draft['review']>;
type Assignment = PolicyView['assignmentList'][number];

@ObjectType('PublishedPolicy')
export class PublishedPolicyObject implements Published {
  @Field(() => Int) version!: number;
  @Field() hash!: string;
  @Field(() => JsonObject, { complexity: DOCUMENT_COST }) document!: Published['document'];
}

@ObjectType('PolicyReview')
export class PolicyReviewObject implements Review {
  @Field(() => String) state!: Review['state'];
  @Field(() => String, { nullable: true }) comment!: string | null;
  @Field() by!: string;
  @Field() at!: string;
}

@ObjectType('PolicyDraft')
export class PolicyDraftObject implements Draft {
  @Field(() => Int) draft!: number;
  @Field(() => JsonObject, { complexity: DOCUMENT_COST }) document!: Draft['document'];
  @Field() hash!: string;
  @Field(() => Int, { nullable: true }) basedOn!: number | null;
  @Field() writtenBy!: string;
  @Field() writtenAt!: string;
  @Field(() => PolicyReviewObject, { nullable: true }) review!: PolicyReviewObject | null;
}

@ObjectType('PolicyAssignment')
export class PolicyAssignmentObject implements Assignment {
  @Field(() => ID) id!: string;
  @Field(() => JsonObject, { description: 'Such as {"kind": "selector", "selector": "labels.env = prod"}.' })
  target!: Assignment['target'];
  @Field() assignedAt!: string;
  @Field() assignedBy!: string;
}

@ObjectType('Rollout')
export class RolloutObject implements RolloutView {
  @Field(() => Int) version!: number;
  @Field(() => Int, { nullable: true }) from!: number | null;
  @Field(() => RolloutStateName) state!: RolloutView['state'];
  @Field(() => Int) wave!: number;
  @Field(() => JsonObject) plan!: RolloutView['plan'];
  @Field() startedAt!: string;
  @Field() changedAt!: string;
  @Field(() => JsonObject, { nullable: true, description: 'Why it went back, with the figures.' })
  halt!: RolloutView['halt'];
}

@ObjectType('Policy')
export class PolicyObject extends PolicySummaryObject implements PolicyView {
  @Field(() => PublishedPolicyObject, { nullable: true }) published!: PublishedPolicyObject | null;
  @Field(() => PolicyDraftObject, { nullable: true }) draft!: PolicyDraftObject | null;
  @Field(() => [PolicyAssignmentObject]) assignmentList!: PolicyAssignmentObject[];
  @Field(() => RolloutObject, { nullable: true }) rolloutDetail!: RolloutObject | null;
}

@ObjectType('DesiredPolicy')
export class DesiredPolicyObject extends PolicyVersionObject {
  @Field() since!: string;
}

@ObjectType('PolicyInBundle')
export class PolicyInBundleObject {
  @Field(() => ID) policyId!: string;
  @Field(() => Int) version!: number;
}

@ObjectType('AgentPolicy')
export class AgentPolicyObject implements AgentPolicyView {
  @Field(() => ID) agentId!: string;
  @Field() name!: string;
  @Field(() => AgentPolicyStateName) state!: AgentPolicyView['state'];
  @Field(() => DesiredPolicyObject, { nullable: true }) desired!: DesiredPolicyObject | null;
  @Field(() => PolicyVersionObject, { nullable: true }) actual!: PolicyVersionObject | null;
  @Field(() => [PolicyInBundleObject]) policies!: PolicyInBundleObject[];
  @Field(() => String, { nullable: true, description: 'Why it is not there.' }) reason!: string | null;
}

@ObjectType('TargetedAgent')
export class TargetedAgentObject {
  @Field(() => ID) id!: string;
  @Field() name!: string;
}

@ObjectType('PolicyTargetPreview')
export class PolicyTargetPreviewObject implements PolicyTargetPreview {
  @Field(() => Int, { description: 'How many it meets now.' }) agents!: number;
  @Field(() => [TargetedAgentObject], { description: 'The first of them by name.' })
  items!: TargetedAgentObject[];
}

@ObjectType('BulkPolicyItem')
export class BulkPolicyItemObject implements BulkPolicyItem {
  @Field(() => ID) id!: string;
  @Field(() => String, { nullable: true, description: 'Null where the organisation has no such policy.' })
  name!: string | null;
  @Field(() => BulkOutcomeName) outcome!: BulkPolicyItem['outcome'];
  @Field(() => String, { nullable: true, description: 'Of the refusal.' }) code!: string | null;
  @Field(() => String, { nullable: true, description: 'Why it was refused, in words.' })
  detail!: string | null;
  @Field(() => Int, { nullable: true, description: 'In a dry run: how many agents it meets now.' })
  agents!: number | null;
}

@ObjectType('BulkPoliciesAnswer')
export class BulkPoliciesObject implements BulkPoliciesAnswer {
  @Field() dryRun!: boolean;
  @Field(() => Int) done!: number;
  @Field(() => Int) would!: number;
  @Field(() => Int) unchanged!: number;
  @Field(() => Int) refused!: number;
  @Field(() => [BulkPolicyItemObject], { description: 'One for each policy, in the order asked.' })
  items!: BulkPolicyItemObject[];
}

@ObjectType('BulkPoliciesChanged')
export class BulkPoliciesChangedObject extends BulkPoliciesObject {
  @Field(() => String, {
    nullable: true,
    description: 'Send it as Keyfleet-Position to read your own writes.',
  })
  position!: string | null;
}
