import { type Handled, type HandlerParts, handle } from '@keyfleet/command-handling';
import type { RenewRequest } from '@keyfleet/contracts/http';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import type { EventStore } from '@keyfleet/event-store';
import { KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import { type Agent, agent, agentStream } from '@keyfleet/registry/domain';
import type { AgentAuthority, AgentCredentials } from './agent-authority.js';

export interface ReadoptionParts extends HandlerParts {
  readonly store: EventStore;
  readonly authority: Pick<AgentAuthority, 'issueAgentIdentity' | 'agentOf'>;
  /** Whose restores count. */
  readonly installationId: string;
  /** Whether the organisation exists and is not suspended. */
  readonly isActive: (orgId: string) => Promise<boolean>;
}

/** Clocks of the database and of the authority may differ by so much. */
const MARGIN_MS = 10 * 60_000;

/**
 * Takes back an agent that was enrolled in a time the control plane lost to a restore. Its own JWT is the proof that it
 * was enrolled here, its signature that it is the agent; without a restore behind it no unknown agent is taken.
 */
export class Readoption {
  readonly #parts: ReadoptionParts;

  constructor(parts: ReadoptionParts) {
    this.#parts = parts;
  }

  /** `agent.unknown` where it cannot be taken back, `agent.revoked` where its key may not return. */
  async readopt(
    request: RenewRequest,
    meta: CommandMeta,
  ): Promise<{
    readonly orgId: string;
    readonly issued: AgentCredentials;
    readonly handled: Handled<Agent>;
  }> {
    const { agentId, nkey, csr, enrolment } = request;
    const credential = enrolment && this.#parts.authority.agentOf(enrolment.jwt);
    if (!enrolment || !credential || !isOwn(credential, request) || deriveId('agt', nkey) !== agentId)
      throw new KeyfleetError('agent.unknown');
    const { orgId, issuedAt } = credential;
    if (!(await this.#isLost(issuedAt)) || !(await this.#parts.isActive(orgId)))
      throw new KeyfleetError('agent.unknown');
    const issued = await this.#parts.authority.issueAgentIdentity({ orgId, agentId, csr, nkey });
    const handled = await handle(this.#parts, {
      decider: agent,
      stream: agentStream(agentId),
      command: {
        type: 'ReadoptAgent',
        agentId,
        name: enrolment.name,
        nkey,
        version: enrolment.agentVersion,
        // Its token is of the lost time as well: this one stands for it and opens nothing.
        tokenId: deriveId('etk', 'readopted', agentId),
        serial: issued.serial,
        certificateExpiresAt: issued.expiresAt,
        credentialIssuedAt: toTimestamp(issuedAt),
      },
      orgId,
      meta: { ...meta, actor: agentId },
    });
    return { orgId, issued, handled };
  }

  /** Whether a credential of this moment may be of a time that a restore lost. */
  async #isLost(issuedAt: number): Promise<boolean> {
    const restores = await this.#parts.store.readStream(`installation-${this.#parts.installationId}`);
    return restores.some(({ type, data }) => {
      const { takenAt } = data as { readonly takenAt?: string };
      return type === 'ControlPlaneRestored' && issuedAt >= Date.parse(takenAt ?? '') - MARGIN_MS;
    });
  }
}

function isOwn(
  credential: { readonly agentId: string; readonly nkey: string },
  { agentId, nkey }: RenewRequest,
): boolean {
  return credential.agentId === agentId && credential.nkey === nkey;
}
