import {
  type Access,
  answer,
  type Handled,
  type HandlerParts,
  handle,
  load,
} from '@keyfleet/command-handling';
import { AT_ONCE, type Permission } from '@keyfleet/contracts';
import type * as messages from '@keyfleet/contracts/messages';
import { canonicalJson, sha256Hex } from '@keyfleet/crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import { type Policy, type PolicyCommand, policy, policyStream } from '@keyfleet/policy/domain';
import { assignmentIdOf } from '@keyfleet/policy/read-model';
import type { z } from 'zod';
import type { DocumentReader } from '../analysis/document-reader.js';
import type { PolicyNames } from './policy-names.js';
import { checkTarget } from './targets.js';

export interface PolicyCommandParts extends HandlerParts {
  readonly access: Access;
  readonly names: PolicyNames;
  readonly reader: DocumentReader;
  /** Every token that a user ever issued in an organisation. */
  readonly tokensOf: (userId: string, orgId: string) => Promise<readonly string[]>;
}

type Meta = messages.CommandMeta;
type Request<Name extends keyof typeof messages> = (typeof messages)[Name] extends {
  readonly request: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : never;
type PolicyRef = z.input<typeof messages.publishPolicy.reply>;
type Done = Promise<CommandAnswer<Record<string, never>>>;

/** Policies from the first draft to the last rollout. */
export class PolicyCommands {
  readonly #parts: PolicyCommandParts;

  constructor(parts: PolicyCommandParts) {
    this.#parts = parts;
  }

  async draft(request: Request<'draftPolicy'>, meta: Meta): Promise<CommandAnswer<PolicyRef>> {
    const { orgId } = await this.#parts.access.require(meta, 'policies:write');
    const existing = request.policyId !== undefined;
    const policyId = request.policyId ?? deriveId('pol', meta.commandId);
    const { name, replaces } = request;
    const document = await this.#parts.reader.read(request.content);
    if (existing) await this.#mustBeOf(orgId, policyId);
    await this.#parts.names.claim({ orgId, policyId, name });
    const hash = sha256Hex(canonicalJson(document));
    const command = { type: 'DraftPolicy', policyId, name, document, hash, existing, replaces } as const;
    const handled = await this.#handle(policyId, command, { ...meta, orgId });
    return answer(refOf(handled.state), handled);
  }

  discardDraft({ policyId, hash }: Request<'discardDraft'>, meta: Meta): Done {
    return this.#run(policyId, { type: 'DiscardDraft', hash }, meta, 'policies:write');
  }

  requestReview({ policyId, comment }: Request<'requestReview'>, meta: Meta): Done {
    return this.#run(policyId, { type: 'RequestReview', comment }, meta, 'policies:write');
  }

  async review({ policyId, ...said }: Request<'reviewPolicy'>, meta: Meta): Done {
    const { orgId } = await this.#parts.access.require(meta, 'policies:write');
    const reviewersTokens = await this.#parts.tokensOf(meta.actor, orgId);
    const command = { type: 'ReviewPolicy', reviewer: meta.actor, reviewersTokens, ...said } as const;
    return answer({}, await this.#handle(policyId, command, { ...meta, orgId }));
  }

  async publish(request: Request<'publishPolicy'>, meta: Meta): Promise<CommandAnswer<PolicyRef>> {
    const { policyId, restore = null, plan = AT_ONCE, hash } = request;
    const { orgId } = await this.#parts.access.require(meta, 'policies:publish');
    const command = { type: 'PublishPolicy', restore, hash, plan } as const;
    const handled = await this.#handle(policyId, command, { ...meta, orgId });
    return answer(refOf(handled.state), handled);
  }

  retire({ policyId }: Request<'retirePolicy'>, meta: Meta): Done {
    return this.#run(policyId, { type: 'RetirePolicy' }, meta, 'policies:publish');
  }

  /** Changes what holds at agents, as publishing does. */
  async assign(
    { policyId, target }: Request<'assignPolicy'>,
    meta: Meta,
  ): Promise<CommandAnswer<{ assignmentId: string }>> {
    const { orgId } = await this.#parts.access.require(meta, 'policies:publish');
    await checkTarget(this.#parts.store, orgId, target);
    const assignmentId = assignmentIdOf(target);
    const command = { type: 'AssignPolicy', assignmentId, target } as const;
    return answer({ assignmentId }, await this.#handle(policyId, command, { ...meta, orgId }));
  }

  unassign({ policyId, assignmentId }: Request<'unassignPolicy'>, meta: Meta): Done {
    return this.#run(policyId, { type: 'UnassignPolicy', assignmentId }, meta, 'policies:publish');
  }

  controlRollout({ policyId, action, wave }: Request<'controlRollout'>, meta: Meta): Done {
    return this.#run(policyId, { type: 'ControlRollout', action, wave }, meta, 'policies:publish');
  }

  async #run(policyId: string, command: PolicyCommand, meta: Meta, permission: Permission): Done {
    const { orgId } = await this.#parts.access.require(meta, permission);
    return answer({}, await this.#handle(policyId, command, { ...meta, orgId }));
  }

  #handle(
    policyId: string,
    command: PolicyCommand,
    { orgId, ...meta }: Meta & { readonly orgId: string },
  ): Promise<Handled<Policy>> {
    return handle(this.#parts, { decider: policy, stream: policyStream(policyId), command, orgId, meta });
  }

  /** Before a name is claimed for it. */
  async #mustBeOf(orgId: string, policyId: string): Promise<void> {
    const found = await load(this.#parts.store, policy, policyStream(policyId));
    if (found.orgId !== orgId) throw new KeyfleetError('resource.not-found');
  }
}

function refOf(state: Policy): PolicyRef {
  if (state.status === 'unknown') throw new TypeError('a policy that was just changed is known');
  return {
    id: state.policyId,
    name: state.name,
    draft: state.status === 'live' ? (state.draft?.draft ?? null) : null,
    version: state.versions.at(-1)?.version ?? null,
  };
}
