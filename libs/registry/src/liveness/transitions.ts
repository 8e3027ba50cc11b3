import type { AgentCameOnline, AgentWentOffline, EventOf } from '@keyfleet/contracts/events';

export type LivenessEvent = EventOf<typeof AgentWentOffline | typeof AgentCameOnline>;

/**
 * What the detector knows of an agent: never seen yet, online, found silent but not yet recorded, recorded as offline,
 * or no longer ours to watch.
 */
export type LivenessState = 'new' | 'online' | 'leaving' | 'offline' | 'revoked';

/** The part of an agent's row that decides which facts its stream still lacks. Times are RFC 3339. */
export interface Due {
  readonly agentId: string;
  readonly state: LivenessState;
  /** A beat came while the agent was not online. */
  readonly returnedAt: string | null;
  /** Fixed when the agent was found silent. */
  readonly silence: { readonly lastSeenAt: string; readonly coveredMs: number } | null;
  /** It has been online before. */
  readonly known: boolean;
}

export function livenessStream(agentId: string): string {
  return `liveness-${agentId}`;
}

/** The facts to append, in order; what was once found is recorded even where the agent has come back since. */
export function dueFacts(due: Due): readonly LivenessEvent[] {
  const facts: LivenessEvent[] = [];
  if (due.state === 'leaving' && due.silence) facts.push(wentOffline(due.agentId, due.silence));
  if (due.returnedAt !== null && due.state !== 'online' && due.state !== 'revoked')
    facts.push(cameOnline(due.agentId, due.returnedAt, !due.known));
  return facts;
}

function wentOffline(agentId: string, silence: NonNullable<Due['silence']>): LivenessEvent {
  const data = {
    agentId,
    lastSeenAt: silence.lastSeenAt,
    coveredSeconds: Math.round(silence.coveredMs / 100) / 10,
  };
  return { type: 'AgentWentOffline', v: 1, data };
}

function cameOnline(agentId: string, seenAt: string, first: boolean): LivenessEvent {
  return { type: 'AgentCameOnline', v: 1, data: { agentId, seenAt, first } };
}

/** Where the stream leaves an agent, from its last two facts: what the row must say after it was lost or fell behind. */
export function stateAfter(events: readonly { readonly type: string }[]): {
  readonly state: 'new' | 'online' | 'offline';
  readonly known: boolean;
} {
  const last = events.at(-1)?.type;
  const known = events.some(({ type }) => type === 'AgentCameOnline');
  if (last === 'AgentCameOnline') return { state: 'online', known };
  return { state: last === 'AgentWentOffline' ? 'offline' : 'new', known };
}
