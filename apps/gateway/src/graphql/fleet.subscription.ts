import { Inject } from '@nestjs/common';
import { Args, Resolver, Subscription } from '@nestjs/graphql';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import { FleetFeed } from '../feed/fleet-feed.js';
import { FleetChangeObject } from './types.js';

@Resolver()
export class FleetSubscription {
  readonly #feed: FleetFeed;

  constructor(@Inject(FleetFeed) feed: FleetFeed) {
    this.#feed = feed;
  }

  @Subscription(() => FleetChangeObject, {
    description: 'What changes in the fleet of an organisation. Starts with a reset; ends with the session.',
    resolve: (change: FleetChangeObject) => change,
  })
  @Requires('agents:read')
  fleetChanged(
    @Args('org', { description: 'Slug or id.' }) _org: string,
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
  ): AsyncIterableIterator<FleetChangeObject> {
    return this.#feed.subscribe({ actor, org });
  }
}
