import { eventsQuery, eventView, page } from '@keyfleet/contracts/http';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { CurrentOrg, Requires } from '../access/access.decorator.js';
import type { OrgAccess } from '../access/actor.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';

@ApiTags('events')
@Controller('orgs/:org/events')
export class EventsController {
  readonly #reads: FleetReads;

  constructor(@Inject(FLEET_READS) reads: FleetReads) {
    this.#reads = reads;
  }

  @Get()
  @Requires('events:read')
  @ReadsFrom('analytics.events')
  @ApiOperation({
    summary: 'Everything that happened in the organisation, newest first',
    operationId: 'listEvents',
  })
  @ApiOkResponse({ standardSchema: page(eventView) })
  list(@CurrentOrg() org: OrgAccess, @Query({ schema: eventsQuery }) query: z.infer<typeof eventsQuery>) {
    return this.#reads.events(org.id, query);
  }
}
