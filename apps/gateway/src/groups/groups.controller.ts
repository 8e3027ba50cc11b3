import { id } from '@keyfleet/contracts';
import { defineGroupRequest, groupView, listQuery, page } from '@keyfleet/contracts/http';
import { defineGroup, removeGroup } from '@keyfleet/contracts/messages';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { answerWrite } from '../http/write-headers.js';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';

const groupParams = z.object({ org: z.string(), group: id('grp') });
const defined = z.object({ id: id('grp'), name: z.string() });
type GroupBody = z.infer<typeof defineGroupRequest>;

@ApiTags('groups')
@Controller('orgs/:org/groups')
export class GroupsController {
  readonly #reads: FleetReads;
  readonly #commands: Commands;

  constructor(@Inject(FLEET_READS) reads: FleetReads, @Inject(COMMANDS) commands: Commands) {
    this.#reads = reads;
    this.#commands = commands;
  }

  @Get()
  @Requires('groups:read')
  @ReadsFrom('registry.groups')
  @ApiOperation({ summary: 'Groups: named label selectors', operationId: 'listGroups' })
  @ApiOkResponse({ standardSchema: page(groupView) })
  list(@CurrentOrg() org: OrgAccess, @Query({ schema: listQuery }) query: z.infer<typeof listQuery>) {
    return this.#reads.groups(org.id, query);
  }

  @Post()
  @Requires('groups:write')
  @ApiOperation({ summary: 'Define a group', operationId: 'createGroup' })
  @ApiCreatedResponse({ standardSchema: defined })
  async create(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Body({ schema: defineGroupRequest }) body: GroupBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation: 'POST groups', body });
    return answerWrite(reply, await this.#commands.send(defineGroup, body, meta));
  }

  @Put(':group')
  @Requires('groups:write')
  @ApiOperation({ summary: 'Change a group', operationId: 'updateGroup' })
  @ApiOkResponse({ standardSchema: defined })
  async update(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: groupParams }) params: z.infer<typeof groupParams>,
    @Body({ schema: defineGroupRequest }) body: GroupBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const meta = commandMetaOf(request, {
      actor,
      orgId: org.id,
      operation: `PUT groups/${params.group}`,
      body,
    });
    return answerWrite(
      reply,
      await this.#commands.send(defineGroup, { ...body, groupId: params.group }, meta),
    );
  }

  @Delete(':group')
  @HttpCode(204)
  @Requires('groups:write')
  @ApiOperation({ summary: 'Remove a group; its agents stay', operationId: 'removeGroup' })
  @ApiNoContentResponse()
  async remove(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: groupParams }) params: z.infer<typeof groupParams>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const meta = commandMetaOf(request, {
      actor,
      orgId: org.id,
      operation: `DELETE groups/${params.group}`,
      body: null,
    });
    answerWrite(reply, await this.#commands.send(removeGroup, { groupId: params.group }, meta));
  }
}
