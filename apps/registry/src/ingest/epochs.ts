import type { JournalReply } from '@keyfleet/contracts';
import { AgentEpochStarted, AgentJournalForked, JournalGapFound, make } from '@keyfleet/contracts/events';
import type { NewEvent } from '@keyfleet/event-store';
import { type Clock, type DomainEvent, toTimestamp } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import type { AgentRecord, Move } from './agent-record.js';
import type { AgentDirectory } from './agents.js';
import { endsAt, type JournalHead, type Journals } from './journals.js';

export interface EpochsOptions {
  readonly agents: AgentDirectory;
  readonly journals: Journals;
  readonly clock: Clock;
  /** The service's own id, as the actor of what it finds out. */
  readonly actor: string;
  /** New epochs per agent and hour; 20 by default. */
  readonly movesPerHour?: number;
}

const HOUR_MS = 3_600_000;

type Fork = Extract<JournalReply, { forkedAt: number }>;

/** Entry `forkedAt` of an epoch is nowhere; it was looked for while the newest epoch ended at `head`. */
export interface FoundFork {
  readonly epoch: number;
  readonly forkedAt: number;
  readonly head: JournalHead;
}

/** Entries `from` to `to` of an epoch that nobody has any more; `to` below `from` where their number is not known. */
export interface Gap {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Begins new epochs, where a journal and the store have come apart. Each beginning is one append to the agent's stream,
 * while the epoch before ends where it ended when that was found out; and entries are appended only while the agent's
 * stream says that their epoch is the newest. So nothing lands in an epoch that has ended, however late.
 */
export class Epochs {
  readonly #options: EpochsOptions;

  constructor(options: EpochsOptions) {
    this.#options = options;
  }

  tooMany(record: AgentRecord): boolean {
    const since = this.#options.clock.now() - HOUR_MS;
    const recent = record.moves.filter((move) => Date.parse(move.recordedAt) > since);
    return recent.length >= (this.#options.movesPerHour ?? 20);
  }

  /** Undefined where somebody else changed the agent meanwhile: look again. */
  async fork(record: AgentRecord, found: FoundFork): Promise<Fork | undefined> {
    const { epoch, forkedAt, head } = found;
    const repeated = await this.unusedMove(record, epoch);
    if (repeated?.from === forkedAt) return { forkedAt, epoch: repeated.to, prev: repeated.prev };
    const prev = lastHash(record, head);
    const newEpoch = Math.max(record.epoch, epoch) + 1;
    const data = { agentId: record.agentId, epoch, forkedAt, newEpoch, prev };
    const done = await this.#append(record, head, [make(AgentJournalForked, data)]);
    return done ? { forkedAt, epoch: newEpoch, prev } : undefined;
  }

  /** Undefined where somebody else changed the agent meanwhile: look again. */
  async gap(
    record: AgentRecord,
    head: JournalHead,
    gap: Gap,
  ): Promise<{ epoch: number; prev: string } | undefined> {
    const { agentId } = record;
    const prev = lastHash(record, head);
    const newEpoch = Math.max(record.epoch, gap.epoch) + 1;
    const done = await this.#append(record, head, [
      make(JournalGapFound, { agentId, ...gap, newEpoch }),
      make(AgentEpochStarted, { agentId, epoch: newEpoch, prev }),
    ]);
    return done ? { epoch: newEpoch, prev } : undefined;
  }

  /** After a restore: the store has everything up to the beginning of an epoch it did not know of any more. */
  adopt(record: AgentRecord, head: JournalHead, { epoch, prev }: { epoch: number; prev: string }) {
    return this.#append(record, head, [make(AgentEpochStarted, { agentId: record.agentId, epoch, prev })]);
  }

  /** The newest move, where it came from this epoch and nothing was written after it: its announcement got lost. */
  async unusedMove(record: AgentRecord, epoch: number): Promise<Move | undefined> {
    const move = record.moves.at(-1);
    if (move?.epoch !== epoch || move.to !== record.epoch) return undefined;
    const head = await this.#options.journals.head(record);
    return head.seq === 0 ? move : undefined;
  }

  #append(record: AgentRecord, head: JournalHead, facts: readonly DomainEvent[]): Promise<boolean> {
    const { agents, clock, actor } = this.#options;
    const at = toTimestamp(clock.now());
    const events = facts.map((fact, index): NewEvent => {
      // The same finding at the same revision is the same event, whoever makes it.
      const id = deriveId('evt', record.agentId, `${record.revision}`, fact.type, `${index}`);
      return { ...fact, id, metadata: { orgId: record.orgId, actor, at } };
    });
    return agents.record(record, events, endsAt(record, head));
  }
}

/** A trimmed epoch's last hash is gone; its own beginning is the next best link. */
function lastHash(record: AgentRecord, head: JournalHead): string {
  return head.hash ?? record.prev;
}
