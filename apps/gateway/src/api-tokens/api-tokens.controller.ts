import { id } from '@keyfleet/contracts';
import {
  apiTokenIssued,
  apiTokenView,
  issueApiTokenRequest,
  listQuery,
  page,
} from '@keyfleet/contracts/http';
import { issueApiToken, revokeApiToken } from '@keyfleet/contracts/messages';
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
import { Authenticator } from '../access/authenticator.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { answerWrite } from '../http/write-headers.js';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';

const tokenParams = z.object({ org: z.string(), token: id('tok') });

@ApiTags('API tokens')
@Controller('orgs/:org/api-tokens')
export class ApiTokensController {
  readonly #reads: FleetReads;
  readonly #commands: Commands;
  readonly #authenticator: Authenticator;

  constructor(
    @Inject(FLEET_READS) reads: FleetReads,
    @Inject(COMMANDS) commands: Commands,
    @Inject(Authenticator) authenticator: Authenticator,
  ) {
    this.#reads = reads;
    this.#commands = commands;
    this.#authenticator = authenticator;
  }

  @Get()
  @Requires('tokens:read')
  @ApiOperation({ summary: 'API tokens; never the tokens themselves', operationId: 'listApiTokens' })
  @ApiOkResponse({ standardSchema: page(apiTokenView) })
  list(@CurrentOrg() org: OrgAccess, @Query({ schema: listQuery }) query: z.infer<typeof listQuery>) {
    return this.#reads.apiTokens(org.id, query);
  }

  @Post()
  @Requires('tokens:write')
  @ApiOperation({
    summary: 'Issue an API token with at most your own permissions; it is shown once',
    operationId: 'issueApiToken',
  })
  @ApiCreatedResponse({ standardSchema: apiTokenIssued })
  async issue(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Body({ schema: issueApiTokenRequest }) body: z.infer<typeof issueApiTokenRequest>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const meta = commandMetaOf(request, { actor, orgId: org.id, operation: 'POST api-tokens', body });
    reply.header('cache-control', 'no-store');
    return answerWrite(reply, await this.#commands.send(issueApiToken, body, meta));
  }

  @Delete(':token')
  @HttpCode(204)
  @Requires('tokens:write')
  @ApiOperation({ summary: 'Revoke an API token; it stops working at once', operationId: 'revokeApiToken' })
  @ApiNoContentResponse()
  async revoke(
    @CurrentActor() actor: Actor,
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: tokenParams }) params: z.infer<typeof tokenParams>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const meta = commandMetaOf(request, {
      actor,
      orgId: org.id,
      operation: `DELETE api-tokens/${params.token}`,
      body: null,
    });
    answerWrite(reply, await this.#commands.send(revokeApiToken, { tokenId: params.token }, meta));
    this.#authenticator.forget();
  }
}
