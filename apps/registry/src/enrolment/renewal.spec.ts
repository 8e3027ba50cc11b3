import { renewSigningInput } from '@keyfleet/contracts';
import { agentIdentity, type RenewRequest } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { createUser, type KeyPair } from '@nats-io/nkeys';
import fc from 'fast-check';
import { createStage, enrolRequest, metaOf, newAgent, type Stage } from '../testing/stage.js';
import { RENEWAL_WINDOW_MS } from './renewal.js';

const DAY = 86_400_000;
let stage: Stage;
let nonces = 0;

beforeEach(async () => {
  stage = await createStage();
});

async function enrolled() {
  const admin = stage.member();
  const agent = await newAgent();
  const { data } = await stage.tokens.issue({}, admin.meta());
  const identity = (await stage.enrolment.enrol(enrolRequest(agent, data.token), metaOf())).data;
  return { ...agent, orgId: identity.orgId, agentId: identity.agentId };
}

type Enrolled = Awaited<ReturnType<typeof enrolled>>;

function signed(agent: Enrolled, changed: Partial<RenewRequest> = {}, keys: KeyPair = agent.keys) {
  const request = {
    agentId: agent.agentId,
    csr: agent.csr,
    nkey: agent.nkey,
    at: new Date(stage.clock.now()).toISOString(),
    nonce: `nonce-of-22-characters-${(nonces += 1)}`,
    ...changed,
  };
  const signature = Buffer.from(keys.sign(Buffer.from(renewSigningInput(request)))).toString('base64url');
  return { ...request, signature };
}

const renew = (request: RenewRequest) => stage.renewal.renewSigned(request, metaOf());

async function revoke({ agentId, orgId }: Enrolled): Promise<void> {
  const metadata = { orgId, actor: newId('usr'), at: '2026-01-01T00:00:00.000Z' };
  const data = { agentId, jwtExpiresAt: '2026-01-02T00:00:00.000Z' };
  const revision = (await stage.store.streamRevision(agentStream(agentId))) as bigint;
  await stage.store.append(agentStream(agentId), revision, [
    { id: newId('evt'), type: 'AgentRevoked', v: 1, data, metadata },
  ]);
}

describe('renewal by signature', () => {
  it('F28: takes an agent back a month after its certificate ended', async () => {
    const agent = await enrolled();
    stage.clock.advance(30 * DAY);
    const { data } = await renew(signed(agent));
    expect(agentIdentity.parse(data)).toMatchObject({ agentId: agent.agentId, orgId: agent.orgId, epoch: 1 });
    expect(Date.parse(data.expiresAt)).toBeGreaterThan(stage.clock.now());
    const events = await stage.store.readStream(agentStream(agent.agentId));
    expect(events.at(-1)).toMatchObject({
      type: 'AgentCertificateRenewed',
      data: { by: 'https', expiresAt: data.expiresAt },
      metadata: { actor: agent.agentId },
    });
  });

  it('answers with the epoch the journal is in', async () => {
    const agent = await enrolled();
    const { agentId, orgId } = agent;
    const prev = 'b'.repeat(64);
    const metadata = { orgId, actor: 'svc_registry', at: '2026-01-01T00:00:00.000Z' };
    await stage.store.append(agentStream(agentId), 0n, [
      { id: newId('evt'), type: 'AgentEpochStarted', v: 1, data: { agentId, epoch: 7, prev }, metadata },
    ]);
    await expect(renew(signed(agent))).resolves.toMatchObject({ data: { epoch: 7, prev } });
  });

  it('S4: never happens after revocation', async () => {
    const agent = await enrolled();
    await revoke(agent);
    await expect(renew(signed(agent))).rejects.toMatchObject({ code: 'agent.revoked' });
    await expect(
      stage.renewal.renewConnected({ agentId: agent.agentId, csr: agent.csr }, agent.orgId, metaOf()),
    ).rejects.toMatchObject({ code: 'agent.revoked' });
  });

  it('S4: is refused where the agent is revoked while its certificate is made', async () => {
    const agent = await enrolled();
    const issue = stage.authority.issueAgentIdentity;
    stage.parts.authority.issueAgentIdentity = async (request) => {
      await revoke(agent);
      return issue(request);
    };
    await expect(renew(signed(agent))).rejects.toMatchObject({ code: 'agent.revoked' });
  });

  it('is taken once', async () => {
    const agent = await enrolled();
    const request = signed(agent);
    const attempts = await Promise.allSettled([renew(request), renew(request), renew(request)]);
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(renew(request)).rejects.toMatchObject({ code: 'agent.renewal-stale' });
    await expect(renew(signed(agent))).resolves.toBeDefined();
  });

  it('F5: takes a clock that is a day wrong, and none that is further off than nonces are kept', async () => {
    const agent = await enrolled();
    const at = (offset: number) => ({ at: new Date(stage.clock.now() + offset).toISOString() });
    for (const offset of [-DAY, DAY, -RENEWAL_WINDOW_MS, RENEWAL_WINDOW_MS])
      await expect(renew(signed(agent, at(offset)))).resolves.toBeDefined();
    for (const offset of [-RENEWAL_WINDOW_MS - 1, RENEWAL_WINDOW_MS + 1])
      await expect(renew(signed(agent, at(offset)))).rejects.toMatchObject({ code: 'agent.renewal-stale' });
  });

  it('believes no signature over anything else', async () => {
    const agent = await enrolled();
    const request = signed(agent);
    const other = await newAgent();
    const changes: Partial<RenewRequest>[] = [
      { csr: other.csr },
      { nonce: 'another-nonce-of-22-chars' },
      { at: new Date(stage.clock.now() + 1).toISOString() },
      { agentId: newId('agt') },
      { nkey: other.nkey },
      { nkey: `${agent.nkey.slice(0, -1)}${agent.nkey.endsWith('A') ? 'B' : 'A'}` },
    ];
    for (const change of changes)
      await expect(renew({ ...request, ...change })).rejects.toMatchObject({
        code: 'agent.signature-invalid',
      });
    await fc.assert(
      fc.asyncProperty(fc.nat(510), async (bit) => {
        const bytes = Buffer.from(request.signature, 'base64url');
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        await expect(renew({ ...request, signature: bytes.toString('base64url') })).rejects.toMatchObject({
          code: 'agent.signature-invalid',
        });
      }),
      { numRuns: 50 },
    );
    // None of it used the nonce up.
    await expect(renew(request)).resolves.toBeDefined();
  });

  it('S9: tells whoever holds another key nothing, not even that the agent is revoked', async () => {
    const agent = await enrolled();
    const stranger = createUser();
    const asStranger = () => renew(signed(agent, { nkey: stranger.getPublicKey() }, stranger));
    await expect(asStranger()).rejects.toMatchObject({ code: 'agent.unknown' });
    await revoke(agent);
    await expect(asStranger()).rejects.toMatchObject({ code: 'agent.unknown' });
  });
});

describe('renewal over the broker', () => {
  it('needs no signature: the subject names organisation and agent', async () => {
    const agent = await enrolled();
    const { agentId, csr, orgId } = agent;
    const { data } = await stage.renewal.renewConnected({ agentId, csr }, orgId, metaOf());
    expect(data).toMatchObject({ agentId, orgId });
    const events = await stage.store.readStream(agentStream(agentId));
    expect(events.at(-1)).toMatchObject({ type: 'AgentCertificateRenewed', data: { by: 'nats' } });
  });

  it('S9: is refused where agent and organisation do not belong together', async () => {
    const { agentId, csr } = await enrolled();
    await expect(
      stage.renewal.renewConnected({ agentId, csr }, newId('org'), metaOf()),
    ).rejects.toMatchObject({ code: 'agent.unknown' });
    await expect(
      stage.renewal.renewConnected({ agentId: newId('agt'), csr }, newId('org'), metaOf()),
    ).rejects.toMatchObject({ code: 'agent.unknown' });
  });
});
