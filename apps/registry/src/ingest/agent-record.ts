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
  /** RFC 3339, when the store recorded it. */
  readonly recordedAt: string;
}

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
      return startEpoch({ ...record, revision }, data['epoch'] as number, data['prev'] as string);
    case 'AgentJournalForked':
      return moved(
        { ...record, revision },
        {
          epoch: data['epoch'] as number,
          from: data['forkedAt'] as number,
          to: data['newEpoch'] as number,
          prev: data['prev'] as string,
          by: 'fork',
          recordedAt: event.recordedAt,
        },
      );
    case 'JournalGapFound':
      return moved(
        { ...record, revision },
        {
          epoch: data['epoch'] as number,
          from: (data['to'] as number) + 1,
          to: data['newEpoch'] as number,
          // The epoch's start is the next event of the same append and says it.
          prev: GENESIS_HASH,
          by: 'gap',
          recordedAt: event.recordedAt,
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
    revision: event.revision,
  };
}

function startEpoch(record: AgentRecord, epoch: number, prev: string): AgentRecord {
  const moves = record.moves.map((move) => (move.to === epoch ? { ...move, prev } : move));
  return { ...record, epoch, prev, moves };
}

function moved(record: AgentRecord, move: Move): AgentRecord {
  return { ...record, epoch: move.to, prev: move.prev, moves: [...record.moves, move] };
}
