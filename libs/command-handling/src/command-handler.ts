import { setTimeout as delay } from 'node:timers/promises';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import type { EventStore, Position, RecordedEvent } from '@keyfleet/event-store';
import { type Clock, type Decider, type DomainEvent, KeyfleetError } from '@keyfleet/kernel';
import { replayOf } from './idempotency.js';
import { foldRecorded } from './load.js';
import { toNewEvents } from './new-events.js';

export interface HandlerParts {
  readonly store: Pick<EventStore, 'readStream' | 'append'>;
  readonly clock: Clock;
}

export interface Decision<State, Command, Event extends DomainEvent> {
  readonly decider: Decider<State, Command, Event>;
  readonly stream: string;
  readonly command: Command;
  /** Whose stream it is; to anyone else it does not exist. */
  readonly orgId: string;
  readonly meta: Omit<CommandMeta, 'orgId'>;
  /** How often a lost race is tried again; 5 by default. */
  readonly attempts?: number;
}

export interface Handled<State> {
  /** After the command. */
  readonly state: State;
  /** What the command made happen, now or, with the same Idempotency-Key, the first time. */
  readonly events: readonly RecordedEvent[];
  readonly replayed: boolean;
  readonly revision: bigint;
  readonly position: Position;
}

/**
 * Loads, decides, appends at the revision that was read. Races are tried again, except where the caller insisted on a
 * revision. Throws what `decide` throws, `revision.mismatch`, `revision.conflict`, `idempotency.mismatch`.
 */
export async function handle<State, Command, Event extends DomainEvent>(
  parts: HandlerParts,
  decision: Decision<State, Command, Event>,
): Promise<Handled<State>> {
  const { meta, attempts = 5 } = decision;
  for (let attempt = 1; ; attempt += 1) {
    const handled = await attemptOnce(parts, decision);
    if (handled) return handled;
    if (meta.ifMatch !== undefined) throw new KeyfleetError('revision.mismatch');
    if (attempt >= attempts) throw new KeyfleetError('revision.conflict', { retryAfterMs: 100 });
    await delay(Math.random() * Math.min(5 * attempt, 50));
  }
}

/** `null` where somebody else was faster. */
async function attemptOnce<State, Command, Event extends DomainEvent>(
  { store, clock }: HandlerParts,
  { decider, stream, command, meta, orgId }: Decision<State, Command, Event>,
): Promise<Handled<State> | null> {
  const loaded = await store.readStream(stream);
  const own = loaded[0]?.metadata.orgId === orgId ? loaded : [];
  const state = foldRecorded(decider, own);
  const replay = replayOf(own, meta);
  if (replay) return { state, events: replay, replayed: true, ...endOf(replay) };
  const facts = decider.decide(command, state);
  // Only a create gets here without events of its own; a foreign stream of that name must not show.
  if (loaded.length > own.length) throw new KeyfleetError('resource.not-found');
  const { revision } = endOf(own);
  refuseOther(revision, meta);
  if (facts.length === 0) return { state, events: [], replayed: false, ...endOf(own) };
  const events = toNewEvents(facts, { stream, next: revision + 1n, orgId, meta, now: clock.now() });
  const result = await store.append(stream, revision < 0n ? 'no-stream' : revision, events);
  if (result.outcome === 'conflict') return null;
  const after = facts.reduce((folded, fact) => decider.evolve(folded, fact), state);
  const recorded = await store.readStream(stream, { from: revision + 1n, limit: facts.length });
  return { state: after, events: recorded, replayed: false, ...result };
}

/** The caller read another revision than this. */
function refuseOther(revision: bigint, { ifMatch }: Pick<CommandMeta, 'ifMatch'>): void {
  if (ifMatch !== undefined && ifMatch !== String(revision)) throw new KeyfleetError('revision.mismatch');
}

/** Where a stream ends; revision -1n where it has not begun. */
function endOf(events: readonly RecordedEvent[]): { revision: bigint; position: Position } {
  const last = events.at(-1);
  return { revision: last?.revision ?? -1n, position: last?.position ?? '' };
}
