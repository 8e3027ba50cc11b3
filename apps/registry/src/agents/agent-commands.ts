import { type Access, answer, type HandlerParts, handle } from '@keyfleet/command-handling';
import type { CommandMeta, labelAgent, revokeAgent } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { agent, agentStream } from '@keyfleet/registry/domain';
import type { z } from 'zod';
import type { AgentAuthority } from '../enrolment/agent-authority.js';

export interface AgentCommandParts extends HandlerParts {
  readonly access: Access;
  readonly authority: Pick<AgentAuthority, 'revoke'>;
}

/** What people do to agents. */
export class AgentCommands {
  readonly #parts: AgentCommandParts;

  constructor(parts: AgentCommandParts) {
    this.#parts = parts;
  }

  async label(
    { agentId, labels }: z.output<typeof labelAgent.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof labelAgent.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'agents:write');
    const handled = await handle(this.#parts, {
      decider: agent,
      stream: agentStream(agentId),
      command: { type: 'LabelAgent', labels },
      orgId,
      meta,
    });
    return answer({ id: agentId, labels }, handled);
  }

  /** Answers when the agent is cut off, also where an earlier attempt got only half of it done. */
  async revoke(
    { agentId }: z.output<typeof revokeAgent.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof revokeAgent.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'agents:revoke');
    const handled = await handle(this.#parts, {
      decider: agent,
      stream: agentStream(agentId),
      command: { type: 'RevokeAgent' },
      orgId,
      meta,
    });
    const { state } = handled;
    if (state.status !== 'revoked') throw new KeyfleetError('internal.error');
    await this.#parts.authority.revoke(agentId, state.nkey, state.credentialsEndAt);
    return answer({ id: agentId, state: 'revoked' }, handled);
  }
}
