import { id, labels, timestamp } from '@keyfleet/contracts';
import {
  type AgentView,
  agentView,
  eventView,
  labelAgentRequest,
  listQuery,
  page,
} from '@keyfleet/contracts/http';
import { agentAsOf, labelAgent, revokeAgent } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentActor, CurrentOrg, Requires } from '../access/access.decorator.js';
import type { Actor, OrgAccess } from '../access/actor.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { answerWrite } from '../http/write-headers.js';
import { FLEET_READS, type FleetReads, type Page } from '../reads/fleet-reads.js';

const agentParams = z.object({ org: z.string(), agent: id('agt') });
const agentsQuery = z.strictObject({ ...listQuery.shape, asOf: timestamp.optional() });
const asOfQuery = z.strictObject({ asOf: timestamp.optional() });
const revoked = z.object({ id: id('agt'), state: z.literal('revoked') });
const labelled = z.object({ id: id('agt'), labels });

@ApiTags('agents')
@Controller('orgs/:org/agents')
export class AgentsController {
  readonly #reads: FleetReads;
  readonly #commands: Commands;

  constructor(@Inject(FLEET_READS) reads: FleetReads, @Inject(COMMANDS) commands: Commands) {
    this.#reads = reads;
    this.#commands = commands;
  }

  @Get()
  @Requires('agents:read')
  @ReadsFrom('registry.agents')
  @ApiOperation({
    summary: 'Agents of the organisation, now or as of a past moment',
    operationId: 'listAgents',
  })
  @ApiOkResponse({ standardSchema: page(agentView) })
  list(
    @CurrentOrg() org: OrgAccess,
    @Query({ schema: agentsQuery }) query: z.infer<typeof agentsQuery>,
  ): Promise<Page<AgentView>> {
    const { asOf, ...args } = query;
    return asOf === undefined
      ? this.#reads.agents(org.id, args)
      : this.#reads.agentsAsOf(org.id, { ...args, asOf });
  }

  @Get(':agent')
  @Requires('agents:read')
  @ReadsFrom('registry.agents')
  @ApiOperation({ summary: 'One agent, now or as of a past moment', operationId: 'getAgent' })
  @ApiOkResponse({ standardSchema: agentView })
  async get(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: agentParams }) params: z.infer<typeof agentParams>,
    @Query({ schema: asOfQuery }) query: z.infer<typeof asOfQuery>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AgentView> {
    if (query.asOf !== undefined) {
      const meta = commandMetaOf(
        { id: request.id, headers: {} },
        { actor, orgId: org.id, operation: 'agent as of', body: null },
      );
      const past = await this.#commands.send(agentAsOf, { agentId: params.agent, asOf: query.asOf }, meta);
      if (past.data.agent === null) throw new KeyfleetError('resource.not-found');
      return past.data.agent;
    }
    const found = await this.#reads.agent(org.id, params.agent);
    if (found === null) throw new KeyfleetError('resource.not-found');
    reply.header('etag', `W/"${found.revision}"`);
    return found.view;
  }

  @Get(':agent/events')
  @Requires('events:read')
  @ReadsFrom('analytics.events')
  @ApiOperation({
    summary: 'What happened to and at one agent, newest first',
    operationId: 'listAgentEvents',
  })
  @ApiOkResponse({ standardSchema: page(eventView) })
  async events(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: agentParams }) params: z.infer<typeof agentParams>,
    @Query({ schema: listQuery }) query: z.infer<typeof listQuery>,
  ) {
    if ((await this.#reads.agent(org.id, params.agent)) === null)
      throw new KeyfleetError('resource.not-found');
    return this.#reads.events(org.id, { ...query, agentId: params.agent });
  }

  @Patch(':agent')
  @Requires('agents:write')
  @ApiOperation({ summary: 'Replace the labels of an agent', operationId: 'labelAgent' })
  @ApiOkResponse({ standardSchema: labelled })
  async label(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: agentParams }) params: z.infer<typeof agentParams>,
    @Body({ schema: labelAgentRequest }) body: z.infer<typeof labelAgentRequest>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const operation = `PATCH agents/${params.agent}`;
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation, body });
    return answerWrite(
      reply,
      await this.#commands.send(labelAgent, { agentId: params.agent, ...body }, meta),
    );
  }

  @Post(':agent/revoke')
  @HttpCode(200)
  @Requires('agents:revoke')
  @ApiOperation({
    summary: 'Cut an agent off for good; its secrets stay with it',
    operationId: 'revokeAgent',
  })
  @ApiOkResponse({ standardSchema: revoked })
  async revoke(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: agentParams }) params: z.infer<typeof agentParams>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const operation = `POST agents/${params.agent}/revoke`;
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation, body: null });
    return answerWrite(reply, await this.#commands.send(revokeAgent, { agentId: params.agent }, meta));
  }
}
