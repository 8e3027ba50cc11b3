import { id, sha256, versionInAddress } from '@keyfleet/contracts';
import * as http from '@keyfleet/contracts/http';
import * as messages from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { z } from 'zod';
import { CurrentOrg, Requires } from '../access/access.decorator.js';
import type { OrgAccess } from '../access/actor.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { POLICY_READS, type PolicyReads } from '../reads/policy-reads.js';
import { CurrentWriter, PolicyWrites, type Writer } from './policy-writes.js';

const policyParams = z.object({ org: z.string(), policy: id('pol') });
const assignmentParams = z.object({ ...policyParams.shape, assignment: z.string().max(63) });
const versionParams = z.object({ ...policyParams.shape, version: versionInAddress });
const certificateParams = z.object({ org: z.string(), certificate: sha256 });
const agentsQuery = z.strictObject({ ...http.listQuery.shape, policy: id('pol').optional() });
type Target = z.infer<typeof http.assignPolicyRequest>;

/** To whom a policy goes, how, and whether it has come there. */
@ApiTags('policies')
@Controller('orgs/:org/policies')
export class PolicyRolloutController {
  readonly #reads: PolicyReads;
  readonly #writes: PolicyWrites;

  constructor(@Inject(POLICY_READS) reads: PolicyReads, @Inject(PolicyWrites) writes: PolicyWrites) {
    this.#reads = reads;
    this.#writes = writes;
  }

  @Get('agents')
  @Requires('policies:read')
  @ReadsFrom('policy.agent-reports', 'registry.agents')
  @ApiOperation({
    summary: 'What each agent should decide by, what it does decide by, and why they differ',
    operationId: 'listAgentPolicies',
  })
  @ApiOkResponse({ standardSchema: http.page(http.agentPolicyView) })
  agents(@CurrentOrg() org: OrgAccess, @Query({ schema: agentsQuery }) query: z.infer<typeof agentsQuery>) {
    return this.#reads.agentPolicies(org.id, query);
  }

  @Post(':policy/assignments')
  @Requires('policies:publish')
  @ApiOperation({
    summary: 'Assign a policy to agents; with dryRun only say whom it would meet',
    operationId: 'assignPolicy',
  })
  @ApiCreatedResponse({ standardSchema: http.policyAssigned })
  @ApiOkResponse({ standardSchema: http.policyTargetPreview })
  async assign(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: z.infer<typeof policyParams>,
    @Query({ schema: http.assignPolicyQuery }) { dryRun }: z.infer<typeof http.assignPolicyQuery>,
    @Body({ schema: http.assignPolicyRequest }) body: Target,
  ) {
    if (dryRun === 'true') return this.#preview(writer, policy, body);
    const operation = `POST policies/${policy}/assignments`;
    const data = { ...body, policyId: policy };
    return this.#writes.send(messages.assignPolicy, data, writer, { operation, body });
  }

  async #preview({ org, reply }: Writer, policy: string, { target }: Target) {
    if ((await this.#reads.policy(org.id, policy)) === null) throw new KeyfleetError('resource.not-found');
    const preview = await this.#reads.targetPreview(org.id, target);
    if (preview === null) throw new KeyfleetError('resource.not-found');
    reply.status(200);
    return preview;
  }

  @Delete(':policy/assignments/:assignment')
  @HttpCode(204)
  @Requires('policies:publish')
  @ApiOperation({
    summary: 'Take an assignment back; agents it alone met lose the policy',
    operationId: 'unassignPolicy',
  })
  @ApiNoContentResponse()
  async unassign(
    @CurrentWriter() writer: Writer,
    @Param({ schema: assignmentParams }) params: z.infer<typeof assignmentParams>,
  ): Promise<void> {
    const { policy: policyId, assignment: assignmentId } = params;
    const operation = `DELETE policies/${policyId}/assignments/${assignmentId}`;
    await this.#writes.send(messages.unassignPolicy, { policyId, assignmentId }, writer, { operation });
  }

  @Post(':policy/rollout')
  @HttpCode(204)
  @Requires('policies:publish')
  @ApiOperation({
    summary: 'Pause, resume, advance or halt the rollout of a policy; advancing the last wave completes it',
    operationId: 'controlPolicyRollout',
  })
  @ApiNoContentResponse()
  async control(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: z.infer<typeof policyParams>,
    @Body({ schema: http.controlRolloutRequest }) body: z.infer<typeof http.controlRolloutRequest>,
  ): Promise<void> {
    const operation = `POST policies/${policy}/rollout`;
    const data = { ...body, policyId: policy };
    await this.#writes.send(messages.controlRollout, data, writer, { operation, body });
  }

  @Post(':policy/versions/:version/certificates')
  @Requires('policies:write')
  @ApiOperation({
    summary: 'Make a signed statement of which agents run a version and which do not, and why',
    operationId: 'certifyPolicyConvergence',
  })
  @ApiCreatedResponse({ standardSchema: http.certificateRef })
  certify(
    @CurrentWriter() writer: Writer,
    @Param({ schema: versionParams }) { policy, version }: z.infer<typeof versionParams>,
  ) {
    const operation = `POST policies/${policy}/versions/${version}/certificates`;
    const data = { policyId: policy, version };
    const timeoutMs = SIGNING_MS;
    return this.#writes.send(messages.certifyConvergence, data, writer, { operation, timeoutMs });
  }

  @Get('certificates/:certificate')
  @Requires('policies:read')
  @ApiOperation({ summary: 'A convergence certificate', operationId: 'getConvergenceCertificate' })
  @ApiOkResponse({ standardSchema: http.convergenceCertificate })
  async certificate(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: certificateParams }) { certificate }: z.infer<typeof certificateParams>,
  ) {
    const found = await this.#reads.certificate(org.id, certificate);
    if (found === null) throw new KeyfleetError('resource.not-found');
    return found;
  }
}

/** It names every agent of the organisation. */
const SIGNING_MS = 30_000;
