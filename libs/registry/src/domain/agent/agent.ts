import type {
  AgentCertificateRenewed,
  AgentCloneSuspected,
  AgentEnrolled,
  AgentEpochStarted,
  AgentJournalForked,
  AgentLabelled,
  AgentReadopted,
  AgentRevoked,
  AgentVersionChanged,
  EventOf,
  JournalGapFound,
} from '@keyfleet/contracts/events';

export type AgentEvent = EventOf<
  | typeof AgentEnrolled
  | typeof AgentReadopted
  | typeof AgentLabelled
  | typeof AgentCertificateRenewed
  | typeof AgentRevoked
  | typeof AgentVersionChanged
  | typeof AgentCloneSuspected
  | typeof AgentEpochStarted
  | typeof AgentJournalForked
  | typeof JournalGapFound
>;

/** `prev` of the first entry of the first epoch. */
export const FIRST_PREV = '0'.repeat(64);

/** The epoch an agent has to write, and the hash its first entry chains on. Ingest decides when a new one begins. */
export interface AgentJournal {
  readonly epoch: number;
  readonly prev: string;
}

export interface KnownAgent {
  readonly agentId: string;
  readonly name: string;
  readonly nkey: string;
  readonly tokenId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  /** Certificate in use as far as we issued it. */
  readonly serial: string;
  readonly certificateExpiresAt: string;
  /** No credential we ever gave this agent is good for longer. */
  readonly credentialsEndAt: string;
  readonly journal: AgentJournal;
  /** Boot ids of the last suspicion, sorted. */
  readonly suspectedBoots: readonly string[];
}

export type Agent =
  | { readonly status: 'unknown' }
  | ({ readonly status: 'enrolled' } & KnownAgent)
  | ({ readonly status: 'revoked' } & KnownAgent);

export const initialState: Agent = { status: 'unknown' };

export function agentStream(agentId: string): string {
  return `agent-${agentId}`;
}

function later(a: string, b: string): string {
  return Date.parse(a) >= Date.parse(b) ? a : b;
}

function enrolled(data: Extract<AgentEvent, { type: 'AgentEnrolled' }>['data']): Agent {
  return {
    status: 'enrolled',
    ...data,
    credentialsEndAt: data.certificateExpiresAt,
    journal: { epoch: 1, prev: FIRST_PREV },
    suspectedBoots: [],
  };
}

export function evolve(state: Agent, event: AgentEvent): Agent {
  if (event.type === 'AgentEnrolled') return enrolled(event.data);
  if (state.status === 'unknown') return state;
  switch (event.type) {
    case 'AgentLabelled':
      return { ...state, labels: event.data.labels };
    case 'AgentCertificateRenewed':
      return {
        ...state,
        serial: event.data.serial,
        certificateExpiresAt: event.data.expiresAt,
        credentialsEndAt: later(state.credentialsEndAt, event.data.expiresAt),
      };
    case 'AgentRevoked':
      return { ...state, status: 'revoked' };
    case 'AgentVersionChanged':
      return { ...state, version: event.data.to };
    case 'AgentCloneSuspected':
      return { ...state, suspectedBoots: [...event.data.bootIds].sort() };
    case 'AgentEpochStarted':
      return { ...state, journal: { epoch: event.data.epoch, prev: event.data.prev } };
    case 'AgentJournalForked':
      return { ...state, journal: { epoch: event.data.newEpoch, prev: event.data.prev } };
    default:
      // Among them JournalGapFound: the epoch it leads to is started by the fact behind it.
      return state;
  }
}
