import { type Decider, type DomainEvent, type ErrorCode, fold } from '@keyfleet/kernel';

export interface DeciderOutcome<Event extends DomainEvent> {
  /** Exactly these facts, in this order. */
  then(...events: readonly Event[]): void;
  thenNothing(): void;
  /** Refused with this code. */
  thenRefused(code: ErrorCode): void;
}

/**
 * The language of an aggregate's spec: `const given = deciderSpec(agent)`, then
 * `given(enrolled).when({ type: 'RevokeAgent' }).then(revoked)`.
 */
export function deciderSpec<State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
): (...facts: readonly Event[]) => { when(command: Command): DeciderOutcome<Event> } {
  return (...facts) => ({
    when: (command) => {
      const decide = () => decider.decide(command, fold(decider, facts));
      return {
        then: (...events) => expect(decide()).toEqual(events),
        thenNothing: () => expect(decide()).toEqual([]),
        thenRefused: (code) => expect(decide).toThrow(expect.objectContaining({ code })),
      };
    },
  });
}
