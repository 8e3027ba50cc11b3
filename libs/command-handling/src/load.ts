import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { type Decider, type DomainEvent, fold } from '@keyfleet/kernel';

export interface Loaded<State> {
  readonly state: State;
  readonly events: readonly RecordedEvent[];
  /** Whose stream it is; `null` where there is none. */
  readonly orgId: string | null;
}

/** A stream folded up, for a look before a decision; the decision itself loads again. */
export async function load<State, Event extends DomainEvent>(
  store: Pick<EventStore, 'readStream'>,
  decider: Pick<Decider<State, never, Event>, 'initialState' | 'evolve'>,
  stream: string,
): Promise<Loaded<State>> {
  const events = await store.readStream(stream);
  return { state: foldRecorded(decider, events), events, orgId: events[0]?.metadata.orgId ?? null };
}

/** Streams hold nothing but their own category's events; what is not known of them, `evolve` passes over. */
export function foldRecorded<State, Event extends DomainEvent>(
  decider: Pick<Decider<State, never, Event>, 'initialState' | 'evolve'>,
  events: readonly RecordedEvent[],
): State {
  return fold(decider, events as unknown as readonly Event[]);
}
