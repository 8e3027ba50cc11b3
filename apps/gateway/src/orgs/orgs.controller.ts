import { createOrgRequest, orgSummary, page } from '@keyfleet/contracts/http';
import { createOrganisation } from '@keyfleet/contracts/messages';
import { Body, Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentActor, CurrentOrg, Requires, SignedIn } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import { Authenticator } from '../access/authenticator.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { answerWrite } from '../http/write-headers.js';

const orgDetails = z
  .object({ ...orgSummary.shape, permissions: z.array(z.string()) })
  .meta({ id: 'Organisation' });

@ApiTags('organisations')
@Controller('orgs')
export class OrgsController {
  readonly #authenticator: Authenticator;
  readonly #commands: Commands;

  constructor(@Inject(Authenticator) authenticator: Authenticator, @Inject(COMMANDS) commands: Commands) {
    this.#authenticator = authenticator;
    this.#commands = commands;
  }

  @Get()
  @SignedIn()
  @ApiOperation({ summary: 'Organisations you belong to', operationId: 'listOrganisations' })
  @ApiOkResponse({ standardSchema: page(orgSummary) })
  async list(@CurrentActor() actor: Actor) {
    return { items: await this.#authenticator.organisationsOf(actor), nextCursor: null };
  }

  @Post()
  @SignedIn()
  @ApiOperation({ summary: 'Found an organisation; you become its owner', operationId: 'createOrganisation' })
  @ApiCreatedResponse({ standardSchema: orgSummary })
  async create(
    @Body({ schema: createOrgRequest }) body: z.infer<typeof createOrgRequest>,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const meta = commandMetaOf(request, { actor, orgId: null, operation: 'POST /orgs', body });
    const answer = await this.#commands.send(createOrganisation, body, meta);
    this.#authenticator.forget();
    return answerWrite(reply, answer);
  }

  @Get(':org')
  @Requires('org:read')
  @ApiOperation({ summary: 'One organisation, with what you may do there', operationId: 'getOrganisation' })
  @ApiOkResponse({ standardSchema: orgDetails })
  get(@CurrentOrg() org: OrgAccess): z.infer<typeof orgDetails> {
    return { id: org.id, slug: org.slug, name: org.name, permissions: [...org.permissions] };
  }
}
