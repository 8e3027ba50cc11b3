import type {
  EnrolmentTokenIssued,
  EnrolmentTokenRevoked,
  EnrolmentTokenUsed,
  EventOf,
} from '@keyfleet/contracts/events';

export type EnrolmentTokenEvent = EventOf<
  typeof EnrolmentTokenIssued | typeof EnrolmentTokenUsed | typeof EnrolmentTokenRevoked
>;

/** Who used it, newest first. A list and no set: a token may have 10,000 uses, and evolve copies nothing. */
export type Uses = { readonly agentId: string; readonly before: Uses } | null;

interface Terms {
  readonly tokenId: string;
  readonly secretHash: string;
  readonly uses: number;
  readonly expiresAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly used: number;
  readonly usedBy: Uses;
}

export type EnrolmentToken =
  | { readonly status: 'unknown' }
  | ({ readonly status: 'issued' } & Terms)
  | ({ readonly status: 'revoked' } & Terms);

export const initialState: EnrolmentToken = { status: 'unknown' };

export function enrolmentTokenStream(tokenId: string): string {
  return `enrolment-${tokenId}`;
}

export function evolve(state: EnrolmentToken, event: EnrolmentTokenEvent): EnrolmentToken {
  switch (event.type) {
    case 'EnrolmentTokenIssued':
      return { status: 'issued', ...event.data, used: 0, usedBy: null };
    case 'EnrolmentTokenUsed':
      if (state.status === 'unknown') return state;
      return {
        ...state,
        used: state.used + 1,
        usedBy: { agentId: event.data.agentId, before: state.usedBy },
      };
    case 'EnrolmentTokenRevoked':
      return state.status === 'unknown' ? state : { ...state, status: 'revoked' };
    default:
      return state;
  }
}

export function wasUsedBy(uses: Uses, agentId: string): boolean {
  for (let use = uses; use !== null; use = use.before) if (use.agentId === agentId) return true;
  return false;
}
