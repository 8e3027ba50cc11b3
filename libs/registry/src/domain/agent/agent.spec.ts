import { GENESIS_HASH } from '@keyfleet/contracts';
import { fold } from '@keyfleet/kernel';
import { deciderSpec } from '@keyfleet/testing';
import { type AgentEvent, FIRST_PREV } from './agent.js';
import { agent } from './decide.js';

const given = deciderSpec(agent);
const agentId = 'agt_1';
const identity = {
  agentId,
  name: 'site-1',
  nkey: 'UABC',
  labels: { env: 'prod' },
  version: '1.0.0',
  tokenId: 'etk_1',
  serial: '01',
  certificateExpiresAt: '2026-01-02T00:00:00.000Z',
};
const enrolled: AgentEvent = { type: 'AgentEnrolled', v: 1, data: identity };
const renewed = (serial: string, expiresAt: string): AgentEvent => ({
  type: 'AgentCertificateRenewed',
  v: 1,
  data: { agentId, serial, expiresAt, by: 'nats' },
});
const revoked: AgentEvent = {
  type: 'AgentRevoked',
  v: 1,
  data: { agentId, jwtExpiresAt: identity.certificateExpiresAt },
};
const enrol = { type: 'EnrolAgent', ...identity } as const;

describe('an agent', () => {
  it('is enrolled once; the same token and key again change nothing', () => {
    given().when(enrol).then(enrolled);
    given(enrolled).when(enrol).thenNothing();
  });

  it('keeps its key: another token or another key under its id is refused', () => {
    given(enrolled)
      .when({ ...enrol, tokenId: 'etk_2' })
      .thenRefused('enrolment.key-taken');
    given(enrolled)
      .when({ ...enrol, nkey: 'UXYZ' })
      .thenRefused('enrolment.key-taken');
  });

  it('does not come back after it was revoked', () => {
    given(enrolled, revoked).when(enrol).thenRefused('agent.revoked');
    given(enrolled, revoked)
      .when({ ...enrol, tokenId: 'etk_2' })
      .thenRefused('enrolment.key-taken');
    given(enrolled, revoked)
      .when({ type: 'RenewCertificate', serial: '02', expiresAt: '2026-01-03T00:00:00.000Z', by: 'https' })
      .thenRefused('agent.revoked');
  });

  it('renews its certificate only when it is known', () => {
    const renew = {
      type: 'RenewCertificate',
      serial: '02',
      expiresAt: '2026-01-03T00:00:00.000Z',
      by: 'nats',
    } as const;
    given().when(renew).thenRefused('agent.unknown');
    given(enrolled).when(renew).then(renewed('02', '2026-01-03T00:00:00.000Z'));
  });

  it('is revoked until the last credential it ever got has ended', () => {
    given(
      enrolled,
      renewed('02', '2026-01-05T00:00:00.000Z'),
      // A renewal that was shortened: the longer one may still be in use.
      renewed('03', '2026-01-03T00:00:00.000Z'),
    )
      .when({ type: 'RevokeAgent' })
      .then({ ...revoked, data: { agentId, jwtExpiresAt: '2026-01-05T00:00:00.000Z' } } as AgentEvent);
    given(enrolled, revoked).when({ type: 'RevokeAgent' }).thenNothing();
    given().when({ type: 'RevokeAgent' }).thenRefused('resource.not-found');
  });

  it('takes other labels, and no fact for the same ones', () => {
    const labels = { env: 'test', team: 'a' };
    given(enrolled)
      .when({ type: 'LabelAgent', labels })
      .then({ type: 'AgentLabelled', v: 1, data: { agentId, labels } });
    given(enrolled)
      .when({ type: 'LabelAgent', labels: { env: 'prod' } })
      .thenNothing();
    given(enrolled, revoked).when({ type: 'LabelAgent', labels }).thenRefused('resource.conflict');
    given().when({ type: 'LabelAgent', labels }).thenRefused('resource.not-found');
  });

  it('changes its version when it says so', () => {
    given(enrolled)
      .when({ type: 'ReportVersion', version: '1.1.0' })
      .then({ type: 'AgentVersionChanged', v: 1, data: { agentId, from: '1.0.0', to: '1.1.0' } });
    given(enrolled).when({ type: 'ReportVersion', version: '1.0.0' }).thenNothing();
    given().when({ type: 'ReportVersion', version: '1.0.0' }).thenNothing();
  });

  it('is suspected as a clone once per pair of boots', () => {
    const suspected: AgentEvent = {
      type: 'AgentCloneSuspected',
      v: 1,
      data: { agentId, bootIds: ['a', 'b'] },
    };
    given(enrolled)
      .when({ type: 'SuspectClone', bootIds: ['b', 'a'] })
      .then(suspected);
    given(enrolled, suspected)
      .when({ type: 'SuspectClone', bootIds: ['a', 'b'] })
      .thenNothing();
    given(enrolled)
      .when({ type: 'SuspectClone', bootIds: ['a', 'a'] })
      .thenNothing();
  });
});

describe("an agent's journal", () => {
  const prev = 'b'.repeat(64);

  it('begins in epoch 1 with nothing before it', () => {
    expect(FIRST_PREV).toBe(GENESIS_HASH);
    expect(fold(agent, [enrolled])).toMatchObject({ journal: { epoch: 1, prev: GENESIS_HASH } });
  });

  it.each<[string, AgentEvent[]]>([
    ['a new epoch', [{ type: 'AgentEpochStarted', v: 1, data: { agentId, epoch: 2, prev } }]],
    [
      'a fork',
      [{ type: 'AgentJournalForked', v: 1, data: { agentId, epoch: 1, forkedAt: 7, newEpoch: 2, prev } }],
    ],
    [
      'a gap',
      [
        { type: 'JournalGapFound', v: 1, data: { agentId, epoch: 1, from: 3, to: 9, newEpoch: 2 } },
        { type: 'AgentEpochStarted', v: 1, data: { agentId, epoch: 2, prev } },
      ],
    ],
  ])('goes on where %s says', (_, facts) => {
    expect(fold(agent, [enrolled, ...facts])).toMatchObject({ journal: { epoch: 2, prev } });
  });
});
