import { id } from '@keyfleet/contracts';
import * as http from '@keyfleet/contracts/http';
import * as messages from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
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
  Res,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentOrg, Requires } from '../access/access.decorator.js';
import type { OrgAccess } from '../access/actor.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { POLICY_READS, type PolicyReads } from '../reads/policy-reads.js';
import { CurrentWriter, PolicyWrites, type Writer } from './policy-writes.js';

const policyParams = z.object({ org: z.string(), policy: id('pol') });
type PolicyParams = z.infer<typeof policyParams>;
type Draft = z.infer<typeof http.draftPolicyRequest>;

@ApiTags('policies')
@Controller('orgs/:org/policies')
export class PoliciesController {
  readonly #reads: PolicyReads;
  readonly #writes: PolicyWrites;

  constructor(@Inject(POLICY_READS) reads: PolicyReads, @Inject(PolicyWrites) writes: PolicyWrites) {
    this.#reads = reads;
    this.#writes = writes;
  }

  @Get()
  @Requires('policies:read')
  @ReadsFrom('policy.policies')
  @ApiOperation({ summary: 'Policies of the organisation', operationId: 'listPolicies' })
  @ApiOkResponse({ standardSchema: http.page(http.policySummary) })
  list(
    @CurrentOrg() org: OrgAccess,
    @Query({ schema: http.listQuery }) query: z.infer<typeof http.listQuery>,
  ) {
    return this.#reads.policies(org.id, query);
  }

  @Post()
  @Requires('policies:write')
  @ApiOperation({ summary: 'Write a new policy, as a draft', operationId: 'createPolicy' })
  @ApiCreatedResponse({ standardSchema: http.policyRef })
  create(@CurrentWriter() writer: Writer, @Body({ schema: http.draftPolicyRequest }) body: Draft) {
    return this.#writes.send(messages.draftPolicy, body, writer, { operation: 'POST policies', body });
  }

  @Get(':policy')
  @Requires('policies:read')
  @ReadsFrom('policy.policies')
  @ApiOperation({
    summary: 'One policy: what is published, its draft, whom it is for and how far it is rolled out',
    operationId: 'getPolicy',
  })
  @ApiOkResponse({ standardSchema: http.policyView })
  async get(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const found = await this.#reads.policy(org.id, policy);
    if (found === null) throw new KeyfleetError('resource.not-found');
    reply.header('etag', `W/"${found.revision}"`);
    return found.view;
  }

  @Put(':policy/draft')
  @Requires('policies:write')
  @ApiOperation({ summary: 'Write the draft of a policy', operationId: 'writePolicyDraft' })
  @ApiOkResponse({ standardSchema: http.policyRef })
  draft(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Body({ schema: http.draftPolicyRequest }) body: Draft,
  ) {
    const operation = `PUT policies/${policy}/draft`;
    const data = { ...body, policyId: policy };
    return this.#writes.send(messages.draftPolicy, data, writer, { operation, body });
  }

  @Delete(':policy/draft')
  @HttpCode(204)
  @Requires('policies:write')
  @ApiOperation({
    summary: 'Discard the draft; what is published stays',
    operationId: 'discardPolicyDraft',
  })
  @ApiNoContentResponse()
  async discard(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Query({ schema: http.discardDraftQuery }) query: z.infer<typeof http.discardDraftQuery>,
  ): Promise<void> {
    const operation = `DELETE policies/${policy}/draft`;
    // Where nothing is said, as it was before anything could be: an Idempotency-Key is bound to it.
    const body = query.hash === undefined ? null : query;
    await this.#writes.send(messages.discardDraft, { ...query, policyId: policy }, writer, {
      operation,
      body,
    });
  }

  @Post(':policy/draft/review-requests')
  @HttpCode(204)
  @Requires('policies:write')
  @ApiOperation({ summary: 'Ask for a review of the draft', operationId: 'requestPolicyReview' })
  @ApiNoContentResponse()
  async requestReview(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Body({ schema: http.reviewRequest }) body: z.infer<typeof http.reviewRequest>,
  ): Promise<void> {
    const operation = `POST policies/${policy}/draft/review-requests`;
    const data = { ...body, policyId: policy };
    await this.#writes.send(messages.requestReview, data, writer, { operation, body });
  }

  @Post(':policy/draft/reviews')
  @HttpCode(204)
  @Requires('policies:write')
  @ApiOperation({
    summary: 'Approve or reject a draft that somebody else wrote',
    operationId: 'reviewPolicy',
  })
  @ApiNoContentResponse()
  async review(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Body({ schema: http.reviewVerdict }) body: z.infer<typeof http.reviewVerdict>,
  ): Promise<void> {
    const operation = `POST policies/${policy}/draft/reviews`;
    const data = { ...body, policyId: policy };
    await this.#writes.send(messages.reviewPolicy, data, writer, { operation, body });
  }

  @Post(':policy/publish')
  @HttpCode(200)
  @Requires('policies:publish')
  @ApiOperation({
    summary: 'Publish the draft, or an older version again, and begin its rollout',
    operationId: 'publishPolicy',
  })
  @ApiOkResponse({ standardSchema: http.policyRef })
  publish(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Body({ schema: http.publishPolicyRequest }) body: z.infer<typeof http.publishPolicyRequest>,
  ) {
    const operation = `POST policies/${policy}/publish`;
    const data = { ...body, policyId: policy };
    return this.#writes.send(messages.publishPolicy, data, writer, { operation, body });
  }

  @Post(':policy/retire')
  @HttpCode(204)
  @Requires('policies:publish')
  @ApiOperation({
    summary: 'Take a policy out of force everywhere, for good',
    operationId: 'retirePolicy',
  })
  @ApiNoContentResponse()
  async retire(
    @CurrentWriter() writer: Writer,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
  ): Promise<void> {
    const operation = `POST policies/${policy}/retire`;
    await this.#writes.send(messages.retirePolicy, { policyId: policy }, writer, { operation });
  }
}
