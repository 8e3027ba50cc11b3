import { KeyfleetError } from '@keyfleet/kernel';
import type { AgentEvent, KnownAgent } from './agent.js';
import type { ForkJournal, RecordJournalGap, StartEpoch } from './commands.js';

/** Epochs only rise; whoever comes second with the same finding learns the answer from the state. */

export function startEpoch(command: StartEpoch, { agentId, journal }: KnownAgent): readonly AgentEvent[] {
  const { epoch, prev } = command;
  if (epoch === journal.epoch && prev === journal.prev) return [];
  if (epoch <= journal.epoch)
    throw new KeyfleetError('resource.conflict', { detail: `The journal is in epoch ${journal.epoch}.` });
  return [{ type: 'AgentEpochStarted', v: 1, data: { agentId, epoch, prev } }];
}

export function forkJournal(command: ForkJournal, { agentId, journal }: KnownAgent): readonly AgentEvent[] {
  const { epoch, forkedAt, prev } = command;
  if (epoch < journal.epoch) return [];
  refuseFuture(epoch, journal.epoch);
  return [
    { type: 'AgentJournalForked', v: 1, data: { agentId, epoch, forkedAt, newEpoch: epoch + 1, prev } },
  ];
}

export function recordGap(
  command: RecordJournalGap,
  { agentId, journal }: KnownAgent,
): readonly AgentEvent[] {
  const { epoch, from, to, prev } = command;
  if (epoch < journal.epoch) return [];
  refuseFuture(epoch, journal.epoch);
  const newEpoch = epoch + 1;
  return [
    { type: 'JournalGapFound', v: 1, data: { agentId, epoch, from, to, newEpoch } },
    { type: 'AgentEpochStarted', v: 1, data: { agentId, epoch: newEpoch, prev } },
  ];
}

function refuseFuture(claimed: number, current: number): void {
  if (claimed > current)
    throw new KeyfleetError('resource.conflict', { detail: `The journal is in epoch ${current}.` });
}
