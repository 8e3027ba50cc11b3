import type { Permission } from '@keyfleet/contracts';
import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import { type ApiToken, type ApiTokenEvent, evolve, initialState } from './api-token.js';

/** A bearer token of an organisation; only the hash of its secret is kept. */
export interface IssueApiToken {
  readonly type: 'IssueApiToken';
  readonly tokenId: string;
  readonly orgId: string;
  readonly name: string;
  readonly secretHash: string;
  readonly permissions: readonly Permission[];
  /** What its issuer may do: nobody hands out more. */
  readonly issuerMay: ReadonlySet<Permission>;
  readonly expiresAt: string | null;
}

export interface RevokeApiToken {
  readonly type: 'RevokeApiToken';
}

export type ApiTokenCommand = IssueApiToken | RevokeApiToken;

function issue(command: IssueApiToken, state: ApiToken): readonly ApiTokenEvent[] {
  if (state.status !== 'unknown') throw new KeyfleetError('resource.exists');
  const { type: _, issuerMay, permissions, ...terms } = command;
  if (permissions.some((permission) => !issuerMay.has(permission)))
    throw new KeyfleetError('auth.forbidden', {
      detail: 'A token cannot be given a permission you do not have.',
    });
  return [{ type: 'ApiTokenIssued', v: 1, data: { ...terms, permissions: [...new Set(permissions)] } }];
}

function revoke(state: ApiToken): readonly ApiTokenEvent[] {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'revoked') return [];
  return [{ type: 'ApiTokenRevoked', v: 1, data: { tokenId: state.tokenId, orgId: state.orgId } }];
}

function decide(command: ApiTokenCommand, state: ApiToken): readonly ApiTokenEvent[] {
  switch (command.type) {
    case 'IssueApiToken':
      return issue(command, state);
    case 'RevokeApiToken':
      return revoke(state);
    default:
      return command satisfies never;
  }
}

export const apiToken: Decider<ApiToken, ApiTokenCommand, ApiTokenEvent> = { initialState, evolve, decide };
