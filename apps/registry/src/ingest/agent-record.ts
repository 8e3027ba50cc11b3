import { GENESIS_HASH } from '@keyfleet/contracts';
import type { RecordedEvent } from '@keyfleet/event-store';

/** Where entries of one epoch went on: entry `from` is seq 1 of epoch `to`, the next one seq 2, and so on. */
export interface Move {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  /** `prev` of the first entry of epoch `to`. */
  readonly prev: string;
  /** After a gap nothing from entry `from` on was stored anywhere; after a fork another past of it may be. */
  readonly by: 'fork' | 'gap';
}

/** For so long the beginnings of epochs are remembered. */
export const EPOCHS_COUNTED_MS = 3_600_000;

/** What ingest has to know of an agent: the fold of its stream. */
export interface AgentRecord {
  readonly agentId: string;
  readonly orgId: string;
  readonly nkey: string;
  readonly revoked: boolean;
  /** The epoch entries are taken in, and the hash before its first entry. */
  readonly epoch: number;
  readonly prev: string;
  readonly moves: readonly Move[];
  /** When epochs began, however they did, in milliseconds since the Unix epoch: those of the hour before the newest of them. */
  readonly begun: readonly number[];
  /** Revision of `agent-<id>` this was folded up to. */
  readonly revision: bigint;
}

type Data = Readonly<Record<string, unknown>>;

/** Tolerates every event it does not know; `null` before the agent was enrolled. */
export function foldAgent(record: AgentRecord | null, event: RecordedEvent): AgentRecord | null {
  const data = event.data as Data;
  const { revision } = event;
  if (event.type === 'AgentEnrolled') return enrolled(record, event, data);
  if (!record) return null;
  switch (event.type) {
    case 'AgentRevoked':
      return { ...record, revision, revoked: true };
    case 'AgentEpochStarted':
      return startEpoch({ ...record, revision }, event);
    case 'AgentJournalForked':
      return moved(
        { ...record, revision, begun: begun(record, event) },
        {
          epoch: data['epoch'] as number,
          from: data['forkedAt'] as number,
          to: data['newEpoch'] as number,
          prev: data['prev'] as string,
          by: 'fork',
        },
      );
    case 'JournalGapFound':
      return moved(
        { ...record, revision, begun: begun(record, event) },
        {
          epoch: data['epoch'] as number,
          from: (data['to'] as number) + 1,
          to: data['newEpoch'] as number,
          // The epoch's start is the next event of the same append and says it.
          prev: GENESIS_HASH,
          by: 'gap',
        },
      );
    default:
      return { ...record, revision };
  }
}

function enrolled(record: AgentRecord | null, event: RecordedEvent, data: Data): AgentRecord | null {
  if (record) return { ...record, revision: event.revision };
  if (event.metadata.orgId === null) return null;
  return {
    agentId: data['agentId'] as string,
    orgId: event.metadata.orgId,
    nkey: data['nkey'] as string,
    revoked: false,
    epoch: 1,
    prev: GENESIS_HASH,
    moves: [],
    begun: [],
    revision: event.revision,
  };
}

/** The one a gap leads to was counted with it; any other was adopted from an agent that had it before a restore. */
function startEpoch(record: AgentRecord, event: RecordedEvent): AgentRecord {
  const { epoch, prev } = event.data as { readonly epoch: number; readonly prev: string };
  const moves = record.moves.map((move) => (move.to === epoch ? { ...move, prev } : move));
  const started = { ...record, epoch, prev, moves };
  return epoch === record.epoch ? started : { ...started, begun: begun(record, event) };
}

function begun(record: AgentRecord, { recordedAt }: RecordedEvent): readonly number[] {
  const at = Date.parse(recordedAt);
  return [...record.begun.filter((before) => before > at - EPOCHS_COUNTED_MS), at];
}

function moved(record: AgentRecord, move: Move): AgentRecord {
  return { ...record, epoch: move.to, prev: move.prev, moves: [...record.moves, move] };
}
