import type { DomainEvent } from './event.js';

/**
 * An aggregate: pure, strict in `decide`, tolerant in `evolve`.
 * `decide` refuses by throwing a KeyfleetError; what it needs from outside (time, ids, hashes) is on the command.
 */
export interface Decider<State, Command, Event extends DomainEvent> {
  readonly initialState: State;
  readonly evolve: (state: State, event: Event) => State;
  readonly decide: (command: Command, state: State) => readonly Event[];
}

/** Folds facts into the state they lead to. */
export function fold<State, Event extends DomainEvent>(
  decider: Pick<Decider<State, never, Event>, 'initialState' | 'evolve'>,
  events: Iterable<Event>,
): State {
  let state = decider.initialState;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
