import { type Access, load } from '@keyfleet/command-handling';
import { AGENT_POLICY_STATES, type ConvergenceCertificate } from '@keyfleet/contracts/http';
import type { CommandMeta, certifyConvergence } from '@keyfleet/contracts/messages';
import { canonicalJson, sha256Hex } from '@keyfleet/crypto';
import type { EventStore } from '@keyfleet/event-store';
import { type Clock, KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { policy as decider, type Policy, policyStream } from '@keyfleet/policy/domain';
import type { Sql } from '@keyfleet/postgres';
import type { z } from 'zod';
import { Assignments } from '../distribution/assignment.js';
import { readGroups } from '../distribution/desired-table.js';
import type { Signer } from '../distribution/signer.js';
import { readStandings, verdictOn } from './standing.js';

export interface CertificateParts {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'readStream'>;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly access: Pick<Access, 'require'>;
}

const PURPOSE = 'keyfleet.convergence.v1';

type Agents = ConvergenceCertificate['agents'];

/** Signed statements about which agents have a version of a policy, and why each of the others has not. */
export class Certificates {
  readonly #parts: CertificateParts;

  constructor(parts: CertificateParts) {
    this.#parts = parts;
  }

  /** Throws `resource.not-found` for a version that was never published, `service.unavailable` where nobody signs. */
  async certify(
    { policyId, version }: z.output<typeof certifyConvergence.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof certifyConvergence.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'policies:write');
    const state = await this.#policy(orgId, policyId, version);
    const at = toTimestamp(this.#parts.clock.now());
    const agents = await this.#agents({ orgId, policyId, version, at }, state);
    const lines = linesOf({ orgId, policyId, version, at, agents });
    const text = [PURPOSE, ...lines].join('\n');
    const { key, signatures } = await this.#parts.signer.sign(PURPOSE, [lines]);
    const converged = agents.filter((agent) => agent.state === 'converged').length;
    const id = sha256Hex(text);
    await this.#parts.sql`
      insert into policy.certificates
        (org_id, id, policy_id, version, at, text, key, signature, converged, divergent, agents)
      values (${orgId}, ${id}, ${policyId}, ${version}, ${at}, ${text}, ${key}, ${signatures[0] ?? ''},
        ${converged}, ${agents.length - converged}, ${JSON.stringify(agents)}::text::jsonb)
      on conflict do nothing`;
    return { data: { certificateId: id } };
  }

  async #policy(orgId: string, policyId: string, version: number): Promise<Policy> {
    const { state, orgId: owner } = await load(this.#parts.store, decider, policyStream(policyId));
    const known = state.status !== 'unknown' && owner === orgId && state.versions[version - 1];
    if (!known) throw new KeyfleetError('resource.not-found');
    return state;
  }

  /** Those it is assigned to, and those that have or had it all the same. */
  async #agents(
    question: { orgId: string; policyId: string; version: number; at: string },
    state: Policy,
  ): Promise<Agents> {
    const { sql } = this.#parts;
    const { orgId, policyId, version } = question;
    const [standings, groups] = await Promise.all([readStandings(sql, question), readGroups(sql, orgId)]);
    const assignments = new Assignments([{ policyId, orgId, state, movedAt: 0 }], groups);
    return standings
      .filter((one) => one.wanted || one.runs || one.had || assignments.of(one).length > 0)
      .map((one) => ({
        agentId: one.agentId,
        actual: one.actual,
        ...verdictOn(one, version, state),
      }));
  }
}

/** One line each: whose, of what, when, how many of each kind, and the SHA-256 of the canonical JSON of the list. */
function linesOf(given: {
  readonly orgId: string;
  readonly policyId: string;
  readonly version: number;
  readonly at: string;
  readonly agents: Agents;
}): string[] {
  const { orgId, policyId, version, at, agents } = given;
  const counts = AGENT_POLICY_STATES.map(
    (state) => `${state} ${agents.filter((agent) => agent.state === state).length}`,
  );
  const list = sha256Hex(canonicalJson(agents));
  return [orgId, policyId, `version ${version}`, at, `agents ${agents.length}`, ...counts, `sha256 ${list}`];
}
