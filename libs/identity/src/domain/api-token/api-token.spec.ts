import type { Permission } from '@keyfleet/contracts';
import { deciderSpec } from '@keyfleet/testing';
import type { ApiTokenEvent } from './api-token.js';
import { apiToken } from './decide.js';

const given = deciderSpec(apiToken);
const terms = {
  tokenId: 'tok_1',
  orgId: 'org_1',
  name: 'ci',
  secretHash: 'a'.repeat(64),
  permissions: ['agents:read'] as Permission[],
  expiresAt: null,
};
const issued: ApiTokenEvent = { type: 'ApiTokenIssued', v: 1, data: terms };
const revoked: ApiTokenEvent = {
  type: 'ApiTokenRevoked',
  v: 1,
  data: { tokenId: 'tok_1', orgId: 'org_1' },
};
const issue = {
  type: 'IssueApiToken',
  ...terms,
  issuerMay: new Set<Permission>(['agents:read', 'tokens:write']),
} as const;

describe('an API token', () => {
  it('is issued once', () => {
    given().when(issue).then(issued);
    given(issued).when(issue).thenRefused('resource.exists');
  });

  it('never may more than whoever issued it', () => {
    given()
      .when({ ...issue, permissions: ['agents:read', 'agents:revoke'] })
      .thenRefused('auth.forbidden');
  });

  it('is revoked for good', () => {
    given(issued).when({ type: 'RevokeApiToken' }).then(revoked);
    given(issued, revoked).when({ type: 'RevokeApiToken' }).thenNothing();
    given().when({ type: 'RevokeApiToken' }).thenRefused('resource.not-found');
  });
});
