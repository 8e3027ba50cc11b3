import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import {
  type EnrolmentToken,
  type EnrolmentTokenEvent,
  evolve,
  initialState,
  wasUsedBy,
} from './enrolment-token.js';

export interface IssueEnrolmentToken {
  readonly type: 'IssueEnrolmentToken';
  readonly tokenId: string;
  readonly secretHash: string;
  readonly uses: number;
  readonly expiresAt: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One agent enrols with it. The same agent again costs nothing: its first answer may have been lost. */
export interface UseEnrolmentToken {
  readonly type: 'UseEnrolmentToken';
  readonly agentId: string;
  /** RFC 3339. */
  readonly now: string;
}

export interface RevokeEnrolmentToken {
  readonly type: 'RevokeEnrolmentToken';
}

export type EnrolmentTokenCommand = IssueEnrolmentToken | UseEnrolmentToken | RevokeEnrolmentToken;

function issue(
  { type: _, ...terms }: IssueEnrolmentToken,
  state: EnrolmentToken,
): readonly EnrolmentTokenEvent[] {
  if (state.status !== 'unknown') throw new KeyfleetError('resource.exists');
  return [{ type: 'EnrolmentTokenIssued', v: 1, data: terms }];
}

function use(command: UseEnrolmentToken, state: EnrolmentToken): readonly EnrolmentTokenEvent[] {
  if (state.status !== 'issued' || Date.parse(state.expiresAt) <= Date.parse(command.now))
    throw new KeyfleetError('enrolment.token-invalid');
  if (wasUsedBy(state.usedBy, command.agentId)) return [];
  if (state.used >= state.uses) throw new KeyfleetError('enrolment.token-invalid');
  const { tokenId } = state;
  return [{ type: 'EnrolmentTokenUsed', v: 1, data: { tokenId, agentId: command.agentId } }];
}

function revoke(state: EnrolmentToken): readonly EnrolmentTokenEvent[] {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'revoked') return [];
  return [{ type: 'EnrolmentTokenRevoked', v: 1, data: { tokenId: state.tokenId } }];
}

function decide(command: EnrolmentTokenCommand, state: EnrolmentToken): readonly EnrolmentTokenEvent[] {
  switch (command.type) {
    case 'IssueEnrolmentToken':
      return issue(command, state);
    case 'UseEnrolmentToken':
      return use(command, state);
    case 'RevokeEnrolmentToken':
      return revoke(state);
    default:
      return command satisfies never;
  }
}

export const enrolmentToken: Decider<EnrolmentToken, EnrolmentTokenCommand, EnrolmentTokenEvent> = {
  initialState,
  evolve,
  decide,
};
