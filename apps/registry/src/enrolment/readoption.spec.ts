import { renewSigningInput } from '@keyfleet/contracts';
import type { RenewRequest } from '@keyfleet/contracts/http';
import { deriveId, newId } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { createStage, metaOf, newAgent, type Stage } from '../testing/stage.js';

/** JWTs are issued by the real clock. */
const [BEFORE, AFTER] = [Date.now() - 3_600_000, Date.now() + 3_600_000].map((ms) =>
  new Date(ms).toISOString(),
);
const orgId = newId('org');
let stage: Stage;
let nonces = 0;

beforeEach(async () => {
  stage = await createStage();
});

/** The plane as a restore of a backup of this moment left it. */
async function restored(takenAt: string | undefined = BEFORE): Promise<void> {
  const metadata = { orgId: null, actor: 'svc_restore', at: new Date().toISOString() };
  const fact = {
    id: newId('evt'),
    type: 'ControlPlaneRestored',
    v: 1,
    data: { takenAt, position: '1' },
    metadata,
  };
  await stage.store.append(`installation-${stage.parts.installationId}`, 'no-stream', [fact]);
}

/** An agent whose enrolment this plane knows nothing of, and what it was given then. */
async function lost(authority = stage.authority) {
  const agent = await newAgent();
  const agentId = deriveId('agt', agent.nkey);
  const { jwt } = await authority.issueAgentIdentity({ orgId, agentId, csr: agent.csr, nkey: agent.nkey });
  return { ...agent, agentId, jwt };
}

type Lost = Awaited<ReturnType<typeof lost>>;

function renew(agent: Lost, changed: Partial<RenewRequest> = {}) {
  const unsigned = {
    agentId: agent.agentId,
    csr: agent.csr,
    nkey: agent.nkey,
    at: new Date(stage.clock.now()).toISOString(),
    nonce: `nonce-of-22-characters-${(nonces += 1)}`,
    ...changed,
  };
  const signature = Buffer.from(agent.keys.sign(Buffer.from(renewSigningInput(unsigned)))).toString(
    'base64url',
  );
  const enrolment = { jwt: agent.jwt, name: 'site-7', agentVersion: '1.4.0' };
  return stage.renewal.renewSigned({ enrolment, ...unsigned, signature }, metaOf());
}

const factsOf = ({ agentId }: Lost) => stage.store.readStream(agentStream(agentId));

describe('an agent that was enrolled after the backup the control plane was restored from', () => {
  it('is taken back by what it was given then: as itself, with its organisation, without its labels', async () => {
    await restored();
    const agent = await lost();
    const { data } = await renew(agent);
    expect(data).toMatchObject({ agentId: agent.agentId, orgId, epoch: 1 });
    expect(await factsOf(agent)).toMatchObject([
      {
        type: 'AgentEnrolled',
        data: { agentId: agent.agentId, nkey: agent.nkey, name: 'site-7', version: '1.4.0', labels: {} },
        metadata: { orgId, actor: agent.agentId },
      },
      { type: 'AgentReadopted', data: { agentId: agent.agentId } },
    ]);
  });

  it('is taken back once, however often it asks at the same time', async () => {
    await restored();
    const agent = await lost();
    const answers = await Promise.all([renew(agent), renew(agent), renew(agent)]);
    expect(new Set(answers.map(({ data }) => data.agentId)).size).toBe(1);
    const types = (await factsOf(agent)).map(({ type }) => type);
    expect(types.filter((type) => type === 'AgentEnrolled')).toHaveLength(1);
    await expect(renew(agent)).resolves.toBeDefined();
    expect((await factsOf(agent)).at(-1)?.type).toBe('AgentCertificateRenewed');
  });

  it('stays unknown where nothing was ever restored, or only what is later than its credential', async () => {
    const agent = await lost();
    await expect(renew(agent)).rejects.toMatchObject({ code: 'agent.unknown' });
    await restored(AFTER);
    await expect(renew(agent)).rejects.toMatchObject({ code: 'agent.unknown' });
    expect(await factsOf(agent)).toEqual([]);
  });

  it('S2: is believed by its own credential of this installation only', async () => {
    await restored();
    const [agent, other] = [await lost(), await lost()];
    const foreign = await lost((await createStage()).authority);
    const [head, body = '', signature] = agent.jwt.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    claims.nats.tags = [`org:${newId('org')}`];
    const forged = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    for (const jwt of [other.jwt, foreign.jwt, forged, 'a.b.c', ''])
      await expect(renew({ ...agent, jwt })).rejects.toMatchObject({ code: 'agent.unknown' });
    await expect(renew(agent, { agentId: other.agentId })).rejects.toMatchObject({ code: 'agent.unknown' });
    await expect(renew(agent, { enrolment: undefined })).rejects.toMatchObject({ code: 'agent.unknown' });
    await expect(renew({ ...agent, keys: other.keys })).rejects.toMatchObject({
      code: 'agent.signature-invalid',
    });
  });

  it('S4: stays out where its key was revoked or its organisation is no more', async () => {
    await restored();
    const agent = await lost();
    stage.suspended.add(orgId);
    await expect(renew(agent)).rejects.toMatchObject({ code: 'agent.unknown' });
    stage.suspended.delete(orgId);
    await renew(agent);
    const revision = (await stage.store.streamRevision(agentStream(agent.agentId))) as bigint;
    const metadata = { orgId, actor: newId('usr'), at: new Date().toISOString() };
    const data = { agentId: agent.agentId, jwtExpiresAt: AFTER };
    await stage.store.append(agentStream(agent.agentId), revision, [
      { id: newId('evt'), type: 'AgentRevoked', v: 1, data, metadata },
    ]);
    await expect(renew(agent)).rejects.toMatchObject({ code: 'agent.revoked' });
  });
});
