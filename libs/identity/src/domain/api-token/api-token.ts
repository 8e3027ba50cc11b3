import type { ApiTokenIssued, ApiTokenRevoked, EventOf } from '@keyfleet/contracts/events';

export type ApiTokenEvent = EventOf<typeof ApiTokenIssued | typeof ApiTokenRevoked>;

export type ApiToken =
  | { readonly status: 'unknown' }
  | { readonly status: 'issued' | 'revoked'; readonly tokenId: string; readonly orgId: string };

export const initialState: ApiToken = { status: 'unknown' };

export function apiTokenStream(tokenId: string): string {
  return `apitoken-${tokenId}`;
}

export function evolve(state: ApiToken, event: ApiTokenEvent): ApiToken {
  const { tokenId, orgId } = event.data;
  switch (event.type) {
    case 'ApiTokenIssued':
      return { status: 'issued', tokenId, orgId };
    case 'ApiTokenRevoked':
      return { status: 'revoked', tokenId, orgId };
    default:
      return state;
  }
}
