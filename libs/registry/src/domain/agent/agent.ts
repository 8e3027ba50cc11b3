import type {
  AgentCertificateRenewed,
  AgentCloneSuspected,
  AgentEnrolled,
  AgentEpochStarted,
  AgentJournalForked,
  AgentLabelled,
  AgentRevoked,
  AgentVersionChanged,
  EventOf,
  JournalGapFound,
} from '@keyfleet/contracts/events';

export type AgentEvent = EventOf<
  | typeof AgentEnrolled
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

/** The epoch an agent has to write, how its first entry chains on, and what made it begin. */
export interface AgentJournal {
  readonly epoch: number;
  readonly prev: string;
  readonly began:
    | { readonly by: 'enrolment' }
    | { readonly by: 'command' }
    | { readonly by: 'fork'; readonly epoch: number; readonly forkedAt: number }
    | { readonly by: 'gap'; readonly epoch: number; readonly from: number; readonly to: number };
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
    journal: { epoch: 1, prev: FIRST_PREV, began: { by: 'enrolment' } },
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
    default:
      return { ...state, journal: evolveJournal(state.journal, event) };
  }
}

type JournalEvent = Extract<
  AgentEvent,
  { type: 'AgentEpochStarted' | 'AgentJournalForked' | 'JournalGapFound' }
>;

function evolveJournal(journal: AgentJournal, event: JournalEvent): AgentJournal {
  switch (event.type) {
    case 'AgentEpochStarted': {
      const { epoch, prev } = event.data;
      // A gap names its new epoch before this fact says how that one chains on.
      const began = epoch === journal.epoch ? journal.began : ({ by: 'command' } as const);
      return { epoch, prev, began };
    }
    case 'AgentJournalForked': {
      const { epoch, forkedAt, newEpoch, prev } = event.data;
      return { epoch: newEpoch, prev, began: { by: 'fork', epoch, forkedAt } };
    }
    case 'JournalGapFound': {
      const { epoch, from, to, newEpoch } = event.data;
      return { epoch: newEpoch, prev: journal.prev, began: { by: 'gap', epoch, from, to } };
    }
    default:
      return journal;
  }
}
