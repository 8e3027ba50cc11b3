import type { BulkPoliciesAnswer, BulkPoliciesRequest, BulkPolicyItem } from '@keyfleet/contracts/http';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { laterCount } from '@keyfleet/event-store';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { isUnexpected } from '@keyfleet/platform';
import { isSo, type PolicyChange } from '@keyfleet/policy/read-model';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Actor, OrgAccess } from '../../access/actor.js';
import { commandMetaOf } from '../../commands/meta.js';
import { COMMANDS, type Commands } from '../../commands/registry-commands.js';
import { LOGGER, type Logger } from '../../http/logger.js';
import { FLEET_READS, type FleetReads } from '../../reads/fleet-reads.js';
import { POLICY_READS, type PolicyReads } from '../../reads/policy-reads.js';
import { assertReadable, changeOf, send } from './change-of.js';
import { dryRun } from './dry-run.js';
import { answerOf, itemOf, type Outcome, outcomeOf, refusalOf, type Standings } from './outcome.js';

/** So many commands are under way at once. */
const AT_ONCE = 4;
/** A service that left so many without an answer is not asked for the others. */
const GIVE_UP_AFTER = 4;

export interface BulkRun {
  readonly actor: Actor;
  readonly org: OrgAccess;
  readonly request: FastifyRequest;
  /** Route template or GraphQL field; with the policy it is what an Idempotency-Key is bound to. */
  readonly operation: string;
  readonly dryRun: boolean;
}

export interface BulkAnswer {
  readonly data: BulkPoliciesAnswer;
  /** Of the last of the changes. */
  readonly position?: string | undefined;
}

/** One command for each of many policies: each is done or refused by itself, and everyone's outcome is told. */
@Injectable()
export class BulkPolicies {
  readonly #commands: Commands;
  readonly #policies: PolicyReads;
  readonly #fleet: FleetReads;
  readonly #logger: Logger;

  constructor(
    @Inject(COMMANDS) commands: Commands,
    @Inject(POLICY_READS) policies: PolicyReads,
    @Inject(FLEET_READS) fleet: FleetReads,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#commands = commands;
    this.#policies = policies;
    this.#fleet = fleet;
    this.#logger = logger;
  }

  async run(asked: BulkPoliciesRequest, run: BulkRun): Promise<BulkAnswer> {
    const orgId = run.org.id;
    if (asked.action === 'assign') assertReadable(asked.target);
    const metas = metasOf(asked, run);
    const found = await this.#policies.standings(orgId, asked.policies);
    const standings: Standings = new Map(found.map((standing) => [standing.id, standing]));
    if (!run.dryRun) return this.#all(asked, metas, standings);
    const reads = { policies: this.#policies, fleet: this.#fleet };
    return { data: answerOf(true, await dryRun(reads, orgId, asked, standings)) };
  }

  /** Nothing that fails for one policy ends it for the others, so what was done is always told. */
  async #all(
    asked: BulkPoliciesRequest,
    metas: ReadonlyMap<string, CommandMeta>,
    standings: Standings,
  ): Promise<BulkAnswer> {
    const items = new Map<string, BulkPolicyItem>();
    const change = changeOf(asked);
    let last: string | undefined;
    let unanswered = 0;
    const queue = metas.entries();
    const lane = async (): Promise<void> => {
      for (const [id, meta] of queue) {
        const { position, ...outcome } =
          unanswered < GIVE_UP_AFTER ? await this.#one(change, id, meta, standings) : notSent();
        if (outcome.code === 'service.unavailable') unanswered += 1;
        if (position !== undefined) last = last === undefined ? position : laterCount(last, position);
        items.set(id, itemOf(id, outcome, standings));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const inOrder = asked.policies.flatMap((id) => items.get(id) ?? []);
    return { data: answerOf(false, inOrder), position: last };
  }

  async #one(
    change: PolicyChange,
    id: string,
    meta: CommandMeta,
    standings: Standings,
  ): Promise<Outcome & { readonly position?: string | undefined }> {
    try {
      const { unchanged, position } = await send(this.#commands, change, id, meta);
      return { ...outcomeOf(unchanged ? 'unchanged' : 'done'), position };
    } catch (error) {
      if (isUnexpected(error))
        this.#logger.error({ err: error, policyId: id, change: change.type }, 'one of many policies failed');
      const standing = standings.get(id);
      const refusedAsSo =
        isKeyfleetError(error, 'resource.not-found') || isKeyfleetError(error, 'resource.conflict');
      if (refusedAsSo && standing && isSo(change, standing)) return outcomeOf('unchanged');
      return refusalOf(error);
    }
  }
}

/** Each policy has a command of its own, which the same key makes the same again. */
function metasOf(
  asked: BulkPoliciesRequest,
  { actor, org, request, operation }: BulkRun,
): ReadonlyMap<string, CommandMeta> {
  const metas = new Map(
    asked.policies.map((id) => [
      id,
      commandMetaOf(request, { actor, orgId: org.id, operation: `${operation} ${id}`, body: asked }),
    ]),
  );
  if ([...metas.values()].some(({ ifMatch }) => ifMatch !== undefined)) {
    const message = 'names a revision of one resource; these are several';
    throw new KeyfleetError('request.invalid', { errors: [{ pointer: 'header/if-match', message }] });
  }
  return metas;
}

function notSent(): Outcome & { readonly position?: undefined } {
  const detail = 'It was not asked for: the service did not answer for others. Nothing was changed.';
  return { outcome: 'refused', code: 'service.unavailable', detail };
}
