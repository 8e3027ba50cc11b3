import { deciderSpec } from '@keyfleet/testing';
import { enrolmentToken } from './decide.js';
import type { EnrolmentTokenEvent } from './enrolment-token.js';

const given = deciderSpec(enrolmentToken);
const tokenId = 'etk_1';
const terms = {
  tokenId,
  secretHash: 'a'.repeat(64),
  uses: 2,
  expiresAt: '2026-01-01T00:15:00.000Z',
  labels: { env: 'prod' },
};
const issued: EnrolmentTokenEvent = { type: 'EnrolmentTokenIssued', v: 1, data: terms };
const revoked: EnrolmentTokenEvent = { type: 'EnrolmentTokenRevoked', v: 1, data: { tokenId } };
const usedBy = (agentId: string): EnrolmentTokenEvent => ({
  type: 'EnrolmentTokenUsed',
  v: 1,
  data: { tokenId, agentId },
});
const use = (agentId: string, now = '2026-01-01T00:00:00.000Z') =>
  ({ type: 'UseEnrolmentToken', agentId, now }) as const;

describe('an enrolment token', () => {
  it('is issued once under its id', () => {
    const command = { type: 'IssueEnrolmentToken', ...terms } as const;
    given().when(command).then(issued);
    given(issued).when(command).thenRefused('resource.exists');
  });

  it('enrols as many agents as it has uses', () => {
    given(issued).when(use('a')).then(usedBy('a'));
    given(issued, usedBy('a')).when(use('b')).then(usedBy('b'));
    given(issued, usedBy('a'), usedBy('b')).when(use('c')).thenRefused('enrolment.token-invalid');
  });

  it('costs nothing for an agent that asks again, also when it is used up', () => {
    given(issued, usedBy('a'), usedBy('b')).when(use('a')).thenNothing();
  });

  it('is refused from the moment it expires, for anyone', () => {
    given(issued).when(use('a', '2026-01-01T00:14:59.999Z')).then(usedBy('a'));
    given(issued).when(use('a', '2026-01-01T00:15:00.000Z')).thenRefused('enrolment.token-invalid');
    given(issued, usedBy('a'))
      .when(use('a', '2026-01-01T00:15:00.000Z'))
      .thenRefused('enrolment.token-invalid');
  });

  it('is refused when it is unknown or revoked, with the same code', () => {
    given().when(use('a')).thenRefused('enrolment.token-invalid');
    given(issued, revoked).when(use('a')).thenRefused('enrolment.token-invalid');
    given(issued, usedBy('a'), revoked).when(use('a')).thenRefused('enrolment.token-invalid');
  });

  it('can be revoked once, and again without effect', () => {
    given().when({ type: 'RevokeEnrolmentToken' }).thenRefused('resource.not-found');
    given(issued).when({ type: 'RevokeEnrolmentToken' }).then(revoked);
    given(issued, revoked).when({ type: 'RevokeEnrolmentToken' }).thenNothing();
  });
});
