import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access/access.guard.js';
import { AuthController } from './access/auth.controller.js';
import { Authenticator } from './access/authenticator.js';
import { SignInLimits } from './access/sign-in-limits.js';
import { AgentsController } from './agents/agents.controller.js';
import { ApiTokensController } from './api-tokens/api-tokens.controller.js';
import { COMMANDS, type Commands } from './commands/registry-commands.js';
import { EnrolmentController } from './enrolment/enrolment.controller.js';
import { EnrolmentLimits } from './enrolment/enrolment-limits.js';
import { EnrolmentTokensController } from './enrolment-tokens/enrolment-tokens.controller.js';
import { EventsController } from './events/events.controller.js';
import { FleetFeed } from './feed/fleet-feed.js';
import { BulkPoliciesMutations } from './graphql/bulk-policies.mutations.js';
import { FleetMutations } from './graphql/fleet.mutations.js';
import { FleetSubscription } from './graphql/fleet.subscription.js';
import { graphQL } from './graphql/graphql.module.js';
import { JsonObject } from './graphql/json.scalar.js';
import { OrgResolver } from './graphql/org.resolver.js';
import { PolicyMutations } from './graphql/policy.mutations.js';
import { PolicyResolver } from './graphql/policy.resolver.js';
import { GroupsController } from './groups/groups.controller.js';
import { FreshReads } from './http/fresh-reads.guard.js';
import { LOGGER, type Logger } from './http/logger.js';
import { OrgsController } from './orgs/orgs.controller.js';
import { BulkPoliciesController } from './policies/bulk/bulk-policies.controller.js';
import { BulkPolicies } from './policies/bulk/bulk-policies.js';
import { PoliciesController } from './policies/policies.controller.js';
import { PolicyAnalysisController } from './policies/policy-analysis.controller.js';
import { PolicyRolloutController } from './policies/policy-rollout.controller.js';
import { PolicyWrites } from './policies/policy-writes.js';
import { FLEET_READS, type FleetReads } from './reads/fleet-reads.js';
import { POLICY_READS, type PolicyReads } from './reads/policy-reads.js';

/** What the gateway stands on; real in `main.ts`, real or in-memory in tests. */
export interface GatewayParts {
  readonly authenticator: Authenticator;
  readonly commands: Commands;
  readonly reads: FleetReads;
  readonly policies: PolicyReads;
  readonly feed: FleetFeed;
  readonly signInLimits: SignInLimits;
  readonly enrolmentLimits: EnrolmentLimits;
  readonly logger: Logger;
  readonly introspection: boolean;
}

@Module({})
export class GatewayModule {
  static with(parts: GatewayParts): DynamicModule {
    return {
      module: GatewayModule,
      imports: [graphQL({ introspection: parts.introspection, logger: parts.logger })],
      controllers: [
        AuthController,
        OrgsController,
        AgentsController,
        GroupsController,
        EnrolmentTokensController,
        ApiTokensController,
        // Those with words of their own come before the one whose word may be any policy.
        PolicyAnalysisController,
        PolicyRolloutController,
        BulkPoliciesController,
        PoliciesController,
        EventsController,
        EnrolmentController,
      ],
      providers: [
        { provide: Authenticator, useValue: parts.authenticator },
        { provide: COMMANDS, useValue: parts.commands },
        { provide: FLEET_READS, useValue: parts.reads },
        { provide: POLICY_READS, useValue: parts.policies },
        PolicyWrites,
        BulkPolicies,
        { provide: LOGGER, useValue: parts.logger },
        { provide: FleetFeed, useValue: parts.feed },
        { provide: SignInLimits, useValue: parts.signInLimits },
        { provide: EnrolmentLimits, useValue: parts.enrolmentLimits },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_GUARD, useClass: FreshReads },
        JsonObject,
        OrgResolver,
        PolicyResolver,
        FleetMutations,
        PolicyMutations,
        BulkPoliciesMutations,
        FleetSubscription,
      ],
    };
  }
}
