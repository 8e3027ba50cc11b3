import * as http from '@keyfleet/contracts/http';
import { Body, Controller, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { Requires } from '../../access/access.decorator.js';
import { ReadsFrom } from '../../http/fresh-reads.guard.js';
import { answerWrite } from '../../http/write-headers.js';
import { CurrentWriter, type Writer } from '../policy-writes.js';
import { BulkPolicies } from './bulk-policies.js';

@ApiTags('policies')
@Controller('orgs/:org/policies')
export class BulkPoliciesController {
  readonly #bulk: BulkPolicies;

  constructor(@Inject(BulkPolicies) bulk: BulkPolicies) {
    this.#bulk = bulk;
  }

  @Post('bulk')
  @HttpCode(200)
  @Requires('policies:publish')
  @ReadsFrom('policy.policies', 'registry.agents', 'registry.groups')
  @ApiOperation({
    summary:
      'Assign, take back, retire or control the rollouts of many policies, each by itself; with dryRun only say what would come of it',
    operationId: 'bulkPolicies',
  })
  @ApiOkResponse({ standardSchema: http.bulkPoliciesAnswer })
  async bulk(
    @CurrentWriter() { actor, org, request, reply }: Writer,
    @Query({ schema: http.bulkPoliciesQuery }) { dryRun }: z.infer<typeof http.bulkPoliciesQuery>,
    @Body({ schema: http.bulkPoliciesRequest }) body: http.BulkPoliciesRequest,
  ) {
    const run = { actor, org, request, operation: 'POST policies/bulk', dryRun: dryRun === 'true' };
    return answerWrite(reply, await this.#bulk.run(body, run));
  }
}
