import type {
  AgentPolicyView,
  AgentState,
  AgentView,
  BulkPoliciesAnswer,
  BulkPolicyItem,
  currentUser,
  EnrolmentTokenView,
  EventView,
  enrolmentTokenIssued,
  GroupView,
  PolicySummary,
  PolicyTargetPreview,
  PolicyView,
} from '@keyfleet/contracts/http';
import type { z } from 'zod';
import type * as policies from './policy.types.js';
import type * as output from './types.js';

/** Compiles only where each is assignable to the other: no field more, none less, none of another type. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

const same = <_ extends true>() => true;

describe('GraphQL output classes', () => {
  it('are the inferred types of the contracts, field by field; the compiler says where they are not', () => {
    expect([
      same<Same<output.AgentObject, AgentView>>(),
      same<Same<keyof output.AgentObject, keyof AgentView>>(),
      same<Same<output.AgentCountsObject, Record<AgentState, number>>>(),
      same<Same<output.EventObject, EventView>>(),
      same<Same<keyof output.EventObject, keyof EventView>>(),
      same<Same<output.GroupObject, GroupView>>(),
      same<Same<keyof output.GroupObject, keyof GroupView>>(),
      same<Same<output.EnrolmentTokenObject, EnrolmentTokenView>>(),
      same<Same<keyof output.EnrolmentTokenObject, keyof EnrolmentTokenView>>(),
      same<Same<output.IssuedEnrolmentTokenObject, z.infer<typeof enrolmentTokenIssued>>>(),
      same<Same<policies.PolicySummaryObject, PolicySummary>>(),
      same<Same<keyof policies.PolicySummaryObject, keyof PolicySummary>>(),
      same<Same<policies.PolicyObject, PolicyView>>(),
      same<Same<keyof policies.PolicyObject, keyof PolicyView>>(),
      same<Same<policies.AgentPolicyObject, AgentPolicyView>>(),
      same<Same<keyof policies.AgentPolicyObject, keyof AgentPolicyView>>(),
      same<Same<policies.PolicyTargetPreviewObject, PolicyTargetPreview>>(),
      same<Same<policies.BulkPoliciesObject, BulkPoliciesAnswer>>(),
      same<Same<keyof policies.BulkPolicyItemObject, keyof BulkPolicyItem>>(),
      same<Same<keyof output.UserObject, keyof z.infer<typeof currentUser>>>(),
    ]).not.toContain(false);
  });
});
