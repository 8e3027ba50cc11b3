import type { Access, HandlerParts } from '@keyfleet/command-handling';
import { load } from '@keyfleet/command-handling';
import type { PolicyCheck, PolicyReplay } from '@keyfleet/contracts/http';
import type { askAccess, CommandMeta, checkPolicy, replayPolicy } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { policy, policyStream } from '@keyfleet/policy/domain';
import type { z } from 'zod';
import type { Analyser } from './analyser.js';
import { documentOf } from './content.js';
import type { PoliciesInForce } from './policies-in-force.js';
import type { RequestClasses } from './request-classes.js';
import { isAction } from './who-can.js';

export interface PolicyAnalysisParts extends HandlerParts {
  readonly access: Access;
  readonly policies: PoliciesInForce;
  readonly classes: RequestClasses;
  /** For what is done in a second or so. */
  readonly analyser: Analyser;
  /** For replays, which may take many. */
  readonly replays: Analyser;
}

const DAY_MS = 86_400_000;
/** Names a policy that has no id yet. */
const NEW_POLICY = 'draft';

/** Questions about policies; nothing is changed by them. */
export class PolicyAnalysis {
  readonly #parts: PolicyAnalysisParts;

  constructor(parts: PolicyAnalysisParts) {
    this.#parts = parts;
  }

  async check(
    { content, policyId }: z.output<typeof checkPolicy.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<PolicyCheck>> {
    const { access, policies, analyser, clock } = this.#parts;
    const { orgId } = await access.require(meta, 'policies:read');
    const named = await this.#named(orgId, policyId);
    const published = await policies.published(orgId);
    const others = published.filter((one) => one.policyId !== policyId);
    const data = await analyser.run((ask) =>
      ask({ kind: 'check', content, ...named, others, now: clock.now() }),
    );
    return { data };
  }

  async whoCan(
    question: z.output<typeof askAccess.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof askAccess.reply>>> {
    const { access, policies, analyser, clock } = this.#parts;
    const { orgId } = await access.require(meta, 'policies:read');
    if (question.action !== undefined && !isAction(question.action))
      throw new KeyfleetError('request.invalid', {
        errors: [{ pointer: '/action', message: 'There is no such action.' }],
      });
    const published = await policies.published(orgId);
    const data = await analyser.run((ask) =>
      ask({ kind: 'who-can', question, policies: published, now: clock.now() }),
    );
    return { data };
  }

  async replay(
    { content, policyId, days }: z.output<typeof replayPolicy.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<PolicyReplay>> {
    const { access, policies, classes, replays, clock } = this.#parts;
    const { orgId } = await access.require(meta, 'policies:read');
    const named = await this.#named(orgId, policyId);
    const data = await replays.run(async (ask) => {
      const { statements } = documentOf(content, await ask({ kind: 'read', content }));
      const draft = { ...named, statements };
      await ask({ kind: 'replay-start', ...(await policies.bundles(orgId)), draft, days });
      const since = clock.now() - days * DAY_MS;
      for await (const rows of classes.recorded(orgId, since)) await ask({ kind: 'replay-rows', rows });
      return ask({ kind: 'replay-end' });
    });
    return { data };
  }

  /** What statements of a draft are named by: the version they would become. */
  async #named(
    orgId: string,
    policyId: string | undefined,
  ): Promise<{ readonly policyId: string; readonly version: number }> {
    if (policyId === undefined) return { policyId: NEW_POLICY, version: 1 };
    const found = await load(this.#parts.store, policy, policyStream(policyId));
    if (found.orgId !== orgId || found.state.status === 'unknown')
      throw new KeyfleetError('resource.not-found');
    return { policyId, version: found.state.versions.length + 1 };
  }
}
