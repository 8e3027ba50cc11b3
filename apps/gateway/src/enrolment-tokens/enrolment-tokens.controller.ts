import { id } from '@keyfleet/contracts';
import {
  enrolmentTokenIssued,
  enrolmentTokenView,
  issueEnrolmentTokenRequest,
  listQuery,
  page,
} from '@keyfleet/contracts/http';
import { issueEnrolmentToken, revokeEnrolmentToken } from '@keyfleet/contracts/messages';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
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

const tokenParams = z.object({ org: z.string(), token: id('etk') });

@ApiTags('enrolment')
@Controller('orgs/:org/enrolment-tokens')
export class EnrolmentTokensController {
  readonly #reads: FleetReads;
  readonly #commands: Commands;

  constructor(@Inject(FLEET_READS) reads: FleetReads, @Inject(COMMANDS) commands: Commands) {
    this.#reads = reads;
    this.#commands = commands;
  }

  @Get()
  @Requires('enrolment:read')
  @ReadsFrom('registry.enrolment-tokens')
  @ApiOperation({
    summary: 'Enrolment tokens; never the tokens themselves',
    operationId: 'listEnrolmentTokens',
  })
  @ApiOkResponse({ standardSchema: page(enrolmentTokenView) })
  list(@CurrentOrg() org: OrgAccess, @Query({ schema: listQuery }) query: z.infer<typeof listQuery>) {
    return this.#reads.enrolmentTokens(org.id, query);
  }

  @Post()
  @Requires('enrolment:write')
  @ApiOperation({ summary: 'Issue an enrolment token; it is shown once', operationId: 'issueEnrolmentToken' })
  @ApiCreatedResponse({ standardSchema: enrolmentTokenIssued })
  async issue(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Body({ schema: issueEnrolmentTokenRequest }) body: z.infer<typeof issueEnrolmentTokenRequest>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation: 'POST enrolment-tokens', body });
    reply.header('cache-control', 'no-store');
    return answerWrite(reply, await this.#commands.send(issueEnrolmentToken, body, meta));
  }

  @Delete(':token')
  @HttpCode(204)
  @Requires('enrolment:write')
  @ApiOperation({
    summary: 'Revoke an enrolment token; agents enrolled with it stay',
    operationId: 'revokeEnrolmentToken',
  })
  @ApiNoContentResponse()
  async revoke(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: tokenParams }) params: z.infer<typeof tokenParams>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const operation = `DELETE enrolment-tokens/${params.token}`;
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation, body: null });
    answerWrite(reply, await this.#commands.send(revokeEnrolmentToken, { tokenId: params.token }, meta));
  }
}
