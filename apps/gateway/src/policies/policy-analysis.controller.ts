import { id, versionInAddress } from '@keyfleet/contracts';
import * as http from '@keyfleet/contracts/http';
import * as messages from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { TEMPLATES } from '@keyfleet/policy-engine';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { CurrentOrg, Requires } from '../access/access.decorator.js';
import type { OrgAccess } from '../access/actor.js';
import { ReadsFrom } from '../http/fresh-reads.guard.js';
import { POLICY_READS, type PolicyReads } from '../reads/policy-reads.js';
import { diffOf } from './diff.js';
import { CurrentWriter, PolicyWrites, type Writer } from './policy-writes.js';

const policyParams = z.object({ org: z.string(), policy: id('pol') });
const versionParams = z.object({ ...policyParams.shape, version: versionInAddress });
/** Each comes with its document of up to 192 KiB. */
const MOST_VERSIONS = 20;
const versionsQuery = http.listQuery.omit({ filter: true }).extend({
  limit: http.listQuery.shape.limit
    .default(MOST_VERSIONS)
    .describe(`An answer has at most ${MOST_VERSIONS}, however many are asked for.`),
});
type PolicyParams = z.infer<typeof policyParams>;

/** A check walks pairs of statements, a replay a week of requests. */
const ANALYSIS_MS = 30_000;

/** What is asked before something is published, and what was published before. Nothing here changes anything. */
@ApiTags('policies')
@Controller('orgs/:org/policies')
export class PolicyAnalysisController {
  readonly #reads: PolicyReads;
  readonly #writes: PolicyWrites;

  constructor(@Inject(POLICY_READS) reads: PolicyReads, @Inject(PolicyWrites) writes: PolicyWrites) {
    this.#reads = reads;
    this.#writes = writes;
  }

  @Get('templates')
  @Requires('policies:read')
  @ApiOperation({ summary: 'Policies to begin with', operationId: 'listPolicyTemplates' })
  @ApiOkResponse({ standardSchema: http.page(http.policyTemplateView) })
  templates() {
    const items = TEMPLATES.map(({ id, title: name, about: summary, make }) => ({
      ...{ id, name, summary, document: make({}) },
    }));
    return { items, nextCursor: null };
  }

  @Post('check')
  @HttpCode(200)
  @Requires('policies:read')
  @ApiOperation({
    summary:
      'Everything that is wrong with a policy, each at its place, and where statements get in each other’s way',
    operationId: 'checkPolicy',
  })
  @ApiOkResponse({ standardSchema: http.policyCheck })
  check(
    @CurrentWriter() writer: Writer,
    @Body({ schema: http.checkPolicyRequest }) body: z.infer<typeof http.checkPolicyRequest>,
  ) {
    const asked = { operation: 'POST policies/check', body, timeoutMs: ANALYSIS_MS };
    return this.#writes.send(messages.checkPolicy, body, writer, asked);
  }

  @Post('replay')
  @HttpCode(200)
  @Requires('policies:read')
  @ApiOperation({
    summary: 'Which decisions of the last days a policy would have made otherwise',
    operationId: 'replayPolicy',
  })
  @ApiOkResponse({ standardSchema: http.policyReplay })
  replay(
    @CurrentWriter() writer: Writer,
    @Body({ schema: http.replayPolicyRequest }) body: z.infer<typeof http.replayPolicyRequest>,
  ) {
    const asked = { operation: 'POST policies/replay', body, timeoutMs: ANALYSIS_MS };
    return this.#writes.send(messages.replayPolicy, body, writer, asked);
  }

  @Post('who-can')
  @HttpCode(200)
  @Requires('policies:read')
  @ApiOperation({ summary: 'Who may do what on which secrets, and when', operationId: 'askAccess' })
  @ApiOkResponse({ standardSchema: http.accessAnswer })
  whoCan(
    @CurrentWriter() writer: Writer,
    @Body({ schema: http.accessQuestionRequest }) body: z.infer<typeof http.accessQuestionRequest>,
  ) {
    const asked = { operation: 'POST policies/who-can', body, timeoutMs: ANALYSIS_MS };
    return this.#writes.send(messages.askAccess, body, writer, asked);
  }

  @Get(':policy/versions')
  @Requires('policies:read')
  @ReadsFrom('policy.policies')
  @ApiOperation({ summary: 'Versions of a policy, newest first', operationId: 'listPolicyVersions' })
  @ApiOkResponse({ standardSchema: http.page(http.policyVersionView) })
  async versions(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Query({ schema: versionsQuery }) query: z.infer<typeof versionsQuery>,
  ) {
    const limit = Math.min(query.limit, MOST_VERSIONS);
    const found = await this.#reads.versions(org.id, policy, { ...query, limit });
    if (found.items.length === 0 && query.cursor === undefined) await this.#known(org, policy);
    return found;
  }

  @Get(':policy/versions/:version')
  @Requires('policies:read')
  @ReadsFrom('policy.policies')
  @ApiOperation({ summary: 'One version of a policy', operationId: 'getPolicyVersion' })
  @ApiOkResponse({ standardSchema: http.policyVersionView })
  async version(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: versionParams }) { policy, version }: z.infer<typeof versionParams>,
  ) {
    const found = await this.#reads.version(org.id, policy, version);
    if (found === null) throw new KeyfleetError('resource.not-found');
    return found;
  }

  @Get(':policy/diff')
  @Requires('policies:read')
  @ReadsFrom('policy.policies')
  @ApiOperation({
    summary: 'Two versions beside each other, or a version and the draft',
    operationId: 'comparePolicyVersions',
  })
  @ApiOkResponse({ standardSchema: http.policyDiff })
  async diff(
    @CurrentOrg() org: OrgAccess,
    @Param({ schema: policyParams }) { policy }: PolicyParams,
    @Query({ schema: http.policyDiffQuery }) { from, to }: z.infer<typeof http.policyDiffQuery>,
  ) {
    const [old, young] = await Promise.all([this.#side(org, policy, from), this.#side(org, policy, to)]);
    return diffOf(old, young);
  }

  async #side(org: OrgAccess, policy: string, version: number | undefined) {
    if (version === undefined) {
      const { draft } = (await this.#known(org, policy)).view;
      if (draft === null)
        throw new KeyfleetError('resource.not-found', { detail: 'This policy has no draft.' });
      return { version: null, document: draft.document };
    }
    const found = await this.#reads.version(org.id, policy, version);
    if (found === null) throw new KeyfleetError('resource.not-found');
    return found;
  }

  async #known(org: OrgAccess, policy: string) {
    const found = await this.#reads.policy(org.id, policy);
    if (found === null) throw new KeyfleetError('resource.not-found');
    return found;
  }
}
