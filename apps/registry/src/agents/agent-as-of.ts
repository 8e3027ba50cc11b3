import { type Access, foldRecorded } from '@keyfleet/command-handling';
import { journalStream } from '@keyfleet/contracts';
import type { AgentState, AgentView } from '@keyfleet/contracts/http';
import type { agentAsOf, CommandMeta } from '@keyfleet/contracts/messages';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import type { CommandAnswer } from '@keyfleet/messaging';
import { agent, agentStream, type KnownAgent } from '@keyfleet/registry/domain';
import type { z } from 'zod';

export interface PastParts {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly access: Access;
}

type Past = { readonly until: string };

/** An agent as of a past moment, from facts alone: what only beats told is not known any more. */
export class PastAgents {
  readonly #parts: PastParts;

  constructor(parts: PastParts) {
    this.#parts = parts;
  }

  async asOf(
    { agentId, asOf }: z.output<typeof agentAsOf.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof agentAsOf.reply>>> {
    const { orgId } = await this.#parts.access.require(meta, 'agents:read');
    const past = { until: asOf };
    const events = await this.#parts.store.readStream(agentStream(agentId), past);
    const state = foldRecorded(agent, events);
    const [first] = events;
    if (!first || first.metadata.orgId !== orgId || state.status === 'unknown')
      return { data: { agent: null } };
    const [journal, transition] = await Promise.all([
      this.#newest(journalStream(agentId, state.journal.epoch), past),
      this.#newest(`liveness-${agentId}`, past),
    ]);
    const newest = [events.at(-1), journal, transition].reduce(later);
    const view = {
      ...viewOf(state),
      state: state.status === 'revoked' ? ('revoked' as const) : stateAfter(transition),
      enrolledAt: first.metadata.at,
      journal: { epoch: state.journal.epoch, seq: journal ? Number(journal.revision) + 1 : 0 },
      lastEvent: newest ? { type: newest.type, at: newest.metadata.at } : null,
    };
    return { data: { agent: view } };
  }

  async #newest(stream: string, { until }: Past): Promise<RecordedEvent | undefined> {
    const [event] = await this.#parts.store.readStream(stream, { until, direction: 'backwards', limit: 1 });
    return event;
  }
}

function viewOf(known: KnownAgent): Omit<AgentView, 'state' | 'enrolledAt' | 'journal' | 'lastEvent'> {
  return {
    id: known.agentId,
    name: known.name,
    version: known.version,
    labels: { ...known.labels },
    certificateExpiresAt: known.certificateExpiresAt,
    lastSeenAt: null,
    policy: null,
    secrets: null,
    storage: null,
    seal: null,
  };
}

function stateAfter(transition: RecordedEvent | undefined): AgentState {
  if (transition?.type === 'AgentCameOnline') return 'online';
  if (transition?.type === 'AgentWentOffline') return 'offline';
  return 'unknown';
}

function later(a: RecordedEvent | undefined, b: RecordedEvent | undefined): RecordedEvent | undefined {
  if (!a || !b) return a ?? b;
  return b.recordedAt > a.recordedAt ? b : a;
}
