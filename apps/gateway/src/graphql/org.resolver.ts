import { eventsQuery, listQuery } from '@keyfleet/contracts/http';
import { isId } from '@keyfleet/kernel';
import { Inject } from '@nestjs/common';
import {
  Args,
  ArgsType,
  Field,
  ID,
  Int,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { CurrentActor, CurrentOrg, Requires, SignedIn } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import { Authenticator } from '../access/authenticator.js';
import { ORG_ACCESS, type WithOrgAccess } from '../access/request.js';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';
import { Connection, toConnection } from './connection.js';
import { checked, listArgs, PageArgs, perItem, perOrganisation } from './page-args.js';
import {
  AgentCountsObject,
  AgentObject,
  EnrolmentTokenObject,
  EventObject,
  GroupObject,
  UserObject,
} from './types.js';

const AgentConnection = Connection('Agent', AgentObject);
const GroupConnection = Connection('Group', GroupObject);
const EnrolmentTokenConnection = Connection('EnrolmentToken', EnrolmentTokenObject);
const EventConnection = Connection('Event', EventObject);

@ObjectType('Organisation')
export class OrgObject {
  @Field(() => ID) id!: string;
  @Field() slug!: string;
  @Field() name!: string;
}

@ArgsType()
class OrgArgs {
  @Field(() => Int, { nullable: true, description: 'How many, 1 to 200; 50 by default.' }) first?: number;
  @Field(() => String, { nullable: true, description: 'Only those after this slug, in the order of slugs.' })
  after?: string;
}

@ArgsType()
class EventArgs extends PageArgs {
  @Field(() => String, { nullable: true }) type?: string;
  @Field(() => ID, { nullable: true }) agentId?: string;
  @Field(() => String, { nullable: true }) from?: string;
  @Field(() => String, { nullable: true }) to?: string;
}

@Resolver(() => OrgObject)
export class OrgResolver {
  readonly #reads: FleetReads;
  readonly #authenticator: Authenticator;

  constructor(@Inject(FLEET_READS) reads: FleetReads, @Inject(Authenticator) authenticator: Authenticator) {
    this.#reads = reads;
    this.#authenticator = authenticator;
  }

  @Query(() => UserObject)
  @SignedIn()
  me(@CurrentActor() actor: Actor): UserObject {
    return { id: actor.id, email: actor.email, name: actor.name, kind: actor.kind };
  }

  @Query(() => [OrgObject], { complexity: perOrganisation, description: 'Those you belong to, by slug.' })
  @SignedIn()
  async orgs(@CurrentActor() actor: Actor, @Args() { first, after }: OrgArgs): Promise<OrgObject[]> {
    const { limit, cursor = '' } = checked(listQuery, { limit: first, cursor: after });
    const found = await this.#authenticator.organisationsOf(actor);
    const slugs = found.map(({ slug }) => slug).filter((slug) => slug > cursor);
    const orgs: OrgObject[] = [];
    for (const slug of slugs.sort().slice(0, limit)) {
      const org = await this.#authenticator.organisation(actor, slug);
      if (org) orgs.push(withAccess(actor, org));
    }
    return orgs;
  }

  @Query(() => OrgObject)
  @Requires('org:read')
  org(
    @Args('slug', { description: 'Slug or id.' }) _slug: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
  ): OrgObject {
    return withAccess(actor, org);
  }

  @ResolveField(() => AgentConnection, { complexity: perItem })
  @Requires('agents:read')
  async agents(@CurrentOrg() org: OrgAccess, @Args() args: PageArgs) {
    return toConnection(await this.#reads.agents(org.id, listArgs(args)));
  }

  @ResolveField(() => AgentObject, { nullable: true })
  @Requires('agents:read')
  async agent(
    @CurrentOrg() org: OrgAccess,
    @Args('id', { type: () => ID }) id: string,
  ): Promise<AgentObject | null> {
    if (!isId('agt', id)) return null;
    return (await this.#reads.agent(org.id, id))?.view ?? null;
  }

  @ResolveField(() => AgentCountsObject)
  @Requires('agents:read')
  agentCounts(@CurrentOrg() org: OrgAccess): Promise<AgentCountsObject> {
    return this.#reads.agentCounts(org.id);
  }

  @ResolveField(() => GroupConnection, { complexity: perItem })
  @Requires('groups:read')
  async groups(@CurrentOrg() org: OrgAccess, @Args() args: PageArgs) {
    return toConnection(await this.#reads.groups(org.id, listArgs(args)));
  }

  @ResolveField(() => EnrolmentTokenConnection, { complexity: perItem })
  @Requires('enrolment:read')
  async enrolmentTokens(@CurrentOrg() org: OrgAccess, @Args() args: PageArgs) {
    return toConnection(await this.#reads.enrolmentTokens(org.id, listArgs(args)));
  }

  @ResolveField(() => EventConnection, { complexity: perItem })
  @Requires('events:read')
  async events(@CurrentOrg() org: OrgAccess, @Args() args: EventArgs, @Parent() _org: OrgObject) {
    const { first: limit, after: cursor, ...rest } = args;
    return toConnection(await this.#reads.events(org.id, checked(eventsQuery, { limit, cursor, ...rest })));
  }
}

/** The checked organisation travels down on the object itself, under a symbol no query can reach. */
function withAccess(actor: Actor, org: OrgAccess): OrgObject & WithOrgAccess {
  return { id: org.id, slug: org.slug, name: org.name, [ORG_ACCESS]: { actor, org } };
}
