import {
  agentIdentity,
  type EnrolRequest,
  enrolRequest,
  type RenewRequest,
  renewRequest,
} from '@keyfleet/contracts/http';
import { enrolAgent, renewAgent } from '@keyfleet/contracts/messages';
import { isKeyfleetError } from '@keyfleet/kernel';
import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../access/access.decorator.js';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { type AgentDoor, EnrolmentLimits } from './enrolment-limits.js';

/** The two doors agents use before they have, or after they lost, a valid certificate. */
@ApiTags('agent edge')
@Controller()
export class EnrolmentController {
  readonly #commands: Commands;
  readonly #limits: EnrolmentLimits;

  constructor(@Inject(COMMANDS) commands: Commands, @Inject(EnrolmentLimits) limits: EnrolmentLimits) {
    this.#commands = commands;
    this.#limits = limits;
  }

  @Post('enrol')
  @HttpCode(201)
  @Public('the enrolment token in the body is the credential')
  @ApiOperation({ summary: 'Enrol an agent with a token', operationId: 'enrol' })
  @ApiCreatedResponse({ standardSchema: agentIdentity })
  async enrol(
    @Body({ schema: enrolRequest }) body: EnrolRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    reply.header('cache-control', 'no-store');
    return this.#guarded('enrol', request, async () => {
      const meta = commandMetaOf(
        { id: request.id, headers: {} },
        { actor: { id: 'svc_gateway' }, orgId: null, operation: 'enrol', body: null },
      );
      return (await this.#commands.send(enrolAgent, { ...body, network: request.ip }, meta)).data;
    });
  }

  @Post('renew')
  @HttpCode(200)
  @Public('the signature of the enrolled key in the body is the credential')
  @ApiOperation({ summary: 'Renew an identity, also after its certificate expired', operationId: 'renew' })
  @ApiOkResponse({ standardSchema: agentIdentity })
  async renew(
    @Body({ schema: renewRequest }) body: RenewRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    reply.header('cache-control', 'no-store');
    return this.#guarded('renew', request, async () => {
      const meta = commandMetaOf(
        { id: request.id, headers: {} },
        { actor: { id: body.agentId }, orgId: null, operation: 'renew', body: null },
      );
      return (await this.#commands.send(renewAgent, body, meta)).data;
    });
  }

  /** Refusals are counted per network and door; what succeeds is bounded by concurrency alone, so a fleet can come at once. */
  async #guarded<Result>(
    door: AgentDoor,
    request: FastifyRequest,
    work: () => Promise<Result>,
  ): Promise<Result> {
    await this.#limits.assertOpen(door, request.ip);
    const release = await this.#limits.enter();
    try {
      return await work();
    } catch (error) {
      if (isRefusal(error)) await this.#limits.refused(door, request.ip);
      throw error;
    } finally {
      await release();
    }
  }
}

function isRefusal(error: unknown): boolean {
  return (
    isKeyfleetError(error, 'enrolment.token-invalid') ||
    isKeyfleetError(error, 'agent.signature-invalid') ||
    isKeyfleetError(error, 'agent.unknown')
  );
}
