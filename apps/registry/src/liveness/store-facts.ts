import type { EventStore, ExpectedRevision, NewEvent } from '@keyfleet/event-store';
import { type Clock, type DomainEvent, toTimestamp } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';

/** Revision of a stream that has nothing yet, as the rows keep it. */
export const NO_REVISION = -1n;

export function expectation(revision: bigint): ExpectedRevision {
  return revision < 0n ? 'no-stream' : revision;
}

export interface FactOrigin {
  readonly orgId: string | null;
  /** What makes the fact this one: the same parts again are the same event. */
  readonly parts: readonly string[];
}

/** Makes the detector's facts; whoever finds the same, after a crash or in another replica, makes the same event. */
export class FactMaker {
  readonly #installationId: string;
  readonly #clock: Clock;

  constructor(installationId: string, clock: Clock) {
    this.#installationId = installationId;
    this.#clock = clock;
  }

  make(event: DomainEvent, { orgId, parts }: FactOrigin): NewEvent {
    return {
      ...event,
      id: deriveId('evt', 'liveness', event.type, ...parts),
      metadata: { orgId, actor: this.#installationId, at: toTimestamp(this.#clock.now()) },
    };
  }
}

/** How far back a stream is looked through for a fact of ours after somebody else was faster. */
const LOOK_BACK = 10;

export interface Recorded {
  /** Where the stream ends now. */
  readonly revision: bigint;
  /** How many of the events were not there before. */
  readonly appended: number;
}

/** Appends what a stream lacks of these, wherever the caller believed it to end. */
export async function appendMissing(
  store: EventStore,
  stream: string,
  believed: bigint,
  events: readonly NewEvent[],
): Promise<Recorded> {
  const result = await store.append(stream, expectation(believed), events);
  if (result.outcome === 'appended')
    return { revision: result.revision, appended: result.idempotent ? 0 : events.length };
  const recent = await store.readStream(stream, { direction: 'backwards', limit: LOOK_BACK });
  const known = new Set(recent.map(({ id }) => id));
  const missing = events.filter(({ id }) => !known.has(id));
  const end = recent[0]?.revision ?? NO_REVISION;
  if (missing.length === 0) return { revision: end, appended: 0 };
  return appendMissing(store, stream, end, missing);
}
