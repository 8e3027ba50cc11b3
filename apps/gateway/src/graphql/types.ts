import {
  AGENT_STATES,
  type AgentView,
  type EnrolmentTokenView,
  type EventView,
  type GroupView,
} from '@keyfleet/contracts/http';
import { Field, ID, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { JsonObject } from './json.scalar.js';

/** Output classes: the one allowed second shape. `types.spec.ts` ties each to its schema's inferred type. */

const AgentStateName = Object.fromEntries(AGENT_STATES.map((state) => [state, state]));
registerEnumType(AgentStateName, { name: 'AgentState' });

@ObjectType('PolicyVersion')
export class PolicyVersionObject {
  @Field(() => Int) version!: number;
  @Field() hash!: string;
}

@ObjectType('JournalPosition')
export class JournalPositionObject {
  @Field(() => Int) epoch!: number;
  @Field(() => Int) seq!: number;
}

@ObjectType('LastEvent')
export class LastEventObject {
  @Field() type!: string;
  @Field() at!: string;
}

@ObjectType('Agent')
export class AgentObject implements AgentView {
  @Field(() => ID) id!: string;
  @Field() name!: string;
  @Field(() => AgentStateName) state!: AgentView['state'];
  @Field() version!: string;
  @Field(() => JsonObject) labels!: Record<string, string>;
  @Field(() => String, { nullable: true }) lastSeenAt!: string | null;
  @Field() enrolledAt!: string;
  @Field(() => PolicyVersionObject, { nullable: true }) policy!: PolicyVersionObject | null;
  @Field(() => JournalPositionObject) journal!: JournalPositionObject;
  @Field(() => Int, { nullable: true }) secrets!: number | null;
  @Field(() => String, { nullable: true }) storage!: AgentView['storage'];
  @Field(() => String, { nullable: true }) seal!: AgentView['seal'];
  @Field(() => LastEventObject, { nullable: true }) lastEvent!: LastEventObject | null;
  @Field(() => String, { nullable: true }) certificateExpiresAt!: string | null;
}

@ObjectType('Event')
export class EventObject implements EventView {
  @Field(() => ID) id!: string;
  @Field() type!: string;
  @Field(() => Int) v!: number;
  @Field() at!: string;
  @Field() recordedAt!: string;
  @Field() position!: string;
  @Field() stream!: string;
  @Field() actor!: string;
  @Field(() => JsonObject) data!: Record<string, unknown>;
}

@ObjectType('Group')
export class GroupObject implements GroupView {
  @Field(() => ID) id!: string;
  @Field() name!: string;
  @Field() selector!: string;
  @Field(() => Int, { nullable: true }) offlineAfterSeconds!: number | null;
  @Field() definedAt!: string;
}

@ObjectType('EnrolmentToken')
export class EnrolmentTokenObject implements EnrolmentTokenView {
  @Field(() => ID) id!: string;
  @Field(() => String) state!: EnrolmentTokenView['state'];
  @Field(() => Int) uses!: number;
  @Field(() => Int) used!: number;
  @Field(() => JsonObject) labels!: Record<string, string>;
  @Field() expiresAt!: string;
  @Field() issuedAt!: string;
  @Field() issuedBy!: string;
}

@ObjectType('IssuedEnrolmentToken')
export class IssuedEnrolmentTokenObject {
  @Field(() => ID) id!: string;
  @Field({ description: 'Shown this once.' }) token!: string;
  @Field() expiresAt!: string;
}

@ObjectType('AgentCounts')
export class AgentCountsObject {
  @Field(() => Int) online!: number;
  @Field(() => Int) offline!: number;
  @Field(() => Int) unknown!: number;
  @Field(() => Int) revoked!: number;
}

@ObjectType('User')
export class UserObject {
  @Field(() => ID) id!: string;
  @Field(() => String, { nullable: true }) email!: string | null;
  @Field(() => String, { nullable: true }) name!: string | null;
  @Field() kind!: string;
}

@ObjectType('FleetChange')
export class FleetChangeObject {
  @Field({ description: 'Anything may have changed: read again what you show.' }) reset!: boolean;
  @Field(() => [String], { description: 'Read models that moved.' }) readModels!: string[];
  @Field(() => [AgentObject], { description: 'Agents as they are now.' }) agents!: AgentObject[];
}
