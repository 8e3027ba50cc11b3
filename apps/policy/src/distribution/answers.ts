import {
  type PolicyManifest,
  type RpcPolicyReply,
  type RpcPolicyRequest,
  rpcPolicyRequest,
} from '@keyfleet/contracts';
import type { AgentAddress } from '@keyfleet/contracts/messages';
import { postgresFailure, type Sql, transaction } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';
import type { BundleCache } from './bundle-cache.js';
import type { DistributionMetrics } from './metrics.js';

/** Told on the change feed where an agent decides by more than we know of. */
export const AHEAD = 'policy.ahead';

export interface AnswerParts {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly bundles: BundleCache;
  readonly metrics: Pick<DistributionMetrics, 'answered'>;
  readonly onError: (error: unknown) => void;
  /** Looks into the database at one time; 16 by default. */
  readonly active?: number;
  /** Those that wait for one; 5,000 by default. */
  readonly waiting?: number;
}

const MAX_REQUEST_BYTES = 1_024;
const ACTIVE = 16;
const WAITING = 5_000;
/** While a manifest is being signed, and where too many ask. */
const RETRY_MS = 500;

type Answer = RpcPolicyReply | Uint8Array;

const INVALID = { code: 'request.invalid' } as const;
const NOT_FOUND = { code: 'resource.not-found' } as const;

/** Answers `rpc.policy`: which manifest is an agent's, and the pieces of bundles. Any number of replicas may. */
export class PolicyAnswers {
  readonly #parts: AnswerParts;
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** Never throws, whatever comes. Who asks is what the broker vouches for, not what the request says. */
  async answer(from: AgentAddress, bytes: Uint8Array): Promise<Answer> {
    const request = readRequest(bytes);
    const kind = request?.kind ?? 'other';
    try {
      const answer = request ? await this.#answer(from, request) : INVALID;
      this.#parts.metrics.answered(kind, resultOf(answer));
      return answer;
    } catch (error) {
      if (postgresFailure(error) !== 'unavailable') this.#parts.onError(error);
      this.#parts.metrics.answered(kind, 'later');
      return later();
    }
  }

  async #answer(from: AgentAddress, request: RpcPolicyRequest): Promise<Answer> {
    if (request.kind === 'manifest') return this.#bounded(() => this.#manifest(from, request.have));
    const { hash, offset } = request;
    const { bundles } = this.#parts;
    const known = bundles.peek(from.orgId, hash);
    if (known !== undefined) return known?.at(offset) ?? NOT_FOUND;
    return this.#bounded(async () => (await bundles.find(from.orgId, hash))?.at(offset) ?? NOT_FOUND);
  }

  async #manifest({ orgId, agentId }: AgentAddress, have: number): Promise<Answer> {
    const [row] = await this.#parts.sql<Found[]>`
      select a.revoked_at is not null as revoked, d.version, d.manifest
      from registry.agents a left join policy.desired d on d.agent_id = a.agent_id
      where a.org_id = ${orgId} and a.agent_id = ${agentId}`;
    // An agent that has just enrolled is not in the read model yet.
    if (!row) return later();
    if (row.revoked) return { code: 'agent.revoked' };
    // Who decides by something must not be told that there never was anything: it is written anew after a restore.
    if (row.version === null) return have === 0 ? { manifest: null } : later();
    if (have > row.version) await this.#tellAhead(orgId, agentId, have);
    // It would take none of ours for a newer one; another is on its way.
    return row.manifest && have <= row.version ? { manifest: row.manifest } : later();
  }

  #tellAhead(orgId: string, agentId: string, have: number): Promise<void> {
    return transaction(this.#parts.sql, async (tx) => {
      const told = await tx`
        update policy.desired set reported = ${have}
        where agent_id = ${agentId} and org_id = ${orgId} and reported < ${have} returning 1`;
      if (told.length > 0) await announceChanges(tx, AHEAD, [{ orgId, ids: [agentId] }], null);
    });
  }

  async #bounded(work: () => Promise<Answer>): Promise<Answer> {
    const { active = ACTIVE, waiting = WAITING } = this.#parts;
    if (this.#active >= active) {
      if (this.#waiting.length >= waiting) return later();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#active += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes the place over.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#active -= 1;
    }
  }
}

interface Found {
  readonly revoked: boolean;
  readonly version: bigint | null;
  readonly manifest: PolicyManifest | null;
}

function readRequest(bytes: Uint8Array): RpcPolicyRequest | undefined {
  if (bytes.byteLength > MAX_REQUEST_BYTES) return undefined;
  try {
    return rpcPolicyRequest.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return undefined;
  }
}

/** Spread, so that not all come again at once. */
function later(): RpcPolicyReply {
  return { retryAfterMs: Math.ceil(RETRY_MS * (0.5 + Math.random())) };
}

function resultOf(answer: Answer): 'answered' | 'refused' | 'later' {
  if ('code' in answer) return 'refused';
  return 'retryAfterMs' in answer ? 'later' : 'answered';
}
