import type { JournalReply } from '@keyfleet/contracts';
import { AgentEpochStarted, AgentJournalForked, JournalGapFound, make } from '@keyfleet/contracts/events';
import type { NewEvent } from '@keyfleet/event-store';
import { type Clock, type DomainEvent, toTimestamp } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import { type AgentRecord, EPOCHS_COUNTED_MS, type Move } from './agent-record.js';
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

type Fork = Extract<JournalReply, { forkedAt: number }>;

/** Entry `forkedAt` of an epoch is nowhere; it was looked for while the newest epoch ended at `head`. */
export interface FoundFork {
  readonly epoch: number;
  readonly forkedAt: number;
  readonly head: JournalHead;
}

/** `later` for an agent that had too many of late; undefined where somebody else changed it meanwhile: look again. */
type NotBegun = 'later' | undefined;

/** Entries `from` to `to` of an epoch that nobody has any more; `to` below `from` where their number is not known. */
export interface Gap {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Begins new epochs, where a journal and the store have come apart. Each beginning is one append to the agent's stream,
 * while the epoch before ends where it ended when that was found out; and entries are appended only while the agent's
 * stream says that their epoch is the newest. So nothing lands in an epoch that has ended, however late. However one
 * begins, there are so many for an agent within an hour: whoever has its key shall not make its stream grow for ever.
 */
export class Epochs {
  readonly #options: EpochsOptions;

  constructor(options: EpochsOptions) {
    this.#options = options;
  }

  /** Repeats the newest one where it is the same and was not heard of. */
  async fork(record: AgentRecord, found: FoundFork): Promise<Fork | NotBegun> {
    const { epoch, forkedAt, head } = found;
    const repeated = await this.unusedMove(record, epoch);
    if (repeated?.from === forkedAt) return { forkedAt, epoch: repeated.to, prev: repeated.prev };
    const prev = lastHash(record, head);
    const newEpoch = Math.max(record.epoch, epoch) + 1;
    const data = { agentId: record.agentId, epoch, forkedAt, newEpoch, prev };
    const begun = await this.#begin(record, head, [make(AgentJournalForked, data)]);
    return begun === 'begun' ? { forkedAt, epoch: newEpoch, prev } : begun;
  }

  async gap(
    record: AgentRecord,
    head: JournalHead,
    gap: Gap,
  ): Promise<{ epoch: number; prev: string } | NotBegun> {
    const { agentId } = record;
    const prev = lastHash(record, head);
    const newEpoch = Math.max(record.epoch, gap.epoch) + 1;
    const begun = await this.#begin(record, head, [
      make(JournalGapFound, { agentId, ...gap, newEpoch }),
      make(AgentEpochStarted, { agentId, epoch: newEpoch, prev }),
    ]);
    return begun === 'begun' ? { epoch: newEpoch, prev } : begun;
  }

  /** After a restore: the store has everything up to the beginning of an epoch it did not know of any more. */
  adopt(record: AgentRecord, head: JournalHead, { epoch, prev }: { epoch: number; prev: string }) {
    return this.#begin(record, head, [make(AgentEpochStarted, { agentId: record.agentId, epoch, prev })]);
  }

  /** The newest move, where it came from this epoch and nothing was written after it: its announcement got lost. */
  async unusedMove(record: AgentRecord, epoch: number): Promise<Move | undefined> {
    const move = record.moves.at(-1);
    if (move?.epoch !== epoch || move.to !== record.epoch) return undefined;
    const head = await this.#options.journals.head(record);
    return head.seq === 0 ? move : undefined;
  }

  async #begin(
    record: AgentRecord,
    head: JournalHead,
    facts: readonly DomainEvent[],
  ): Promise<'begun' | NotBegun> {
    const { agents, clock, actor, movesPerHour = 20 } = this.#options;
    const since = clock.now() - EPOCHS_COUNTED_MS;
    if (record.begun.filter((before) => before > since).length >= movesPerHour) return 'later';
    const at = toTimestamp(clock.now());
    // The same finding at the same revision is the same event, whoever makes it; another finding there is none of it.
    const finding = JSON.stringify(facts.map(({ data }) => data));
    const events = facts.map((fact, index): NewEvent => {
      const id = deriveId('evt', record.agentId, `${record.revision}`, fact.type, `${index}`, finding);
      return { ...fact, id, metadata: { orgId: record.orgId, actor, at } };
    });
    return (await agents.record(record, events, endsAt(record, head))) ? 'begun' : undefined;
  }
}

/** A trimmed epoch's last hash is gone; its own beginning is the next best link. */
function lastHash(record: AgentRecord, head: JournalHead): string {
  return head.hash ?? record.prev;
}
