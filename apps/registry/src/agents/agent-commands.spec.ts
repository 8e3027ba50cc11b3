import { agentView } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { createStage, enrolRequest, metaOf, newAgent, type Stage } from '../testing/stage.js';
import { PastAgents } from './agent-as-of.js';
import { AgentCommands } from './agent-commands.js';

let stage: Stage;
let agents: AgentCommands;
beforeEach(async () => {
  stage = await createStage();
  agents = new AgentCommands(stage.parts);
});

async function enrolled() {
  const admin = stage.member();
  const agent = await newAgent();
  const { data } = await stage.tokens.issue({}, admin.meta());
  const identity = (await stage.enrolment.enrol(enrolRequest(agent, data.token), metaOf())).data;
  return { ...admin, ...agent, ...identity };
}

describe('revoking an agent', () => {
  it('S4: cuts it off the broker until its last credential has ended', async () => {
    const { agentId, nkey, expiresAt, meta } = await enrolled();
    await expect(agents.revoke({ agentId }, meta())).resolves.toMatchObject({
      data: { id: agentId, state: 'revoked' },
      revision: '1',
    });
    expect(stage.authority.revoked).toEqual([{ agentId, nkey, jwtExpiresAt: expiresAt }]);
  });

  it('S4: finishes a revocation that was written down and not carried out', async () => {
    const { agentId, meta } = await enrolled();
    const broken = new AgentCommands({
      ...stage.parts,
      authority: { revoke: () => Promise.reject(new Error('broker away')) },
    });
    await expect(broken.revoke({ agentId }, meta())).rejects.toThrow('broker away');
    expect(stage.authority.revoked).toEqual([]);
    await agents.revoke({ agentId }, meta());
    expect(stage.authority.revoked).toHaveLength(1);
    expect(await stage.store.readStream(agentStream(agentId))).toHaveLength(2);
  });
});

describe('labelling an agent', () => {
  it('replaces its labels, at the revision that was seen', async () => {
    const { agentId, meta } = await enrolled();
    const labels = { env: 'test' };
    await expect(agents.label({ agentId, labels }, meta({ ifMatch: '0' }))).resolves.toMatchObject({
      data: { id: agentId, labels },
      revision: '1',
    });
    await expect(agents.label({ agentId, labels: {} }, meta({ ifMatch: '0' }))).rejects.toMatchObject({
      code: 'revision.mismatch',
    });
  });
});

describe('agents of others', () => {
  it('S9: are as absent as agents that never were, whatever is asked', async () => {
    const { agentId, orgId } = await enrolled();
    const stranger = stage.member();
    const past = new PastAgents(stage.parts);
    for (const id of [agentId, newId('agt')]) {
      const refusals = [
        agents.revoke({ agentId: id }, stranger.meta()),
        agents.label({ agentId: id, labels: {} }, stranger.meta()),
      ];
      for (const refusal of refusals)
        await expect(refusal).rejects.toMatchObject({ code: 'resource.not-found' });
      const asOf = '2026-06-01T00:00:00.000Z';
      await expect(past.asOf({ agentId: id, asOf }, stranger.meta())).resolves.toEqual({
        data: { agent: null },
      });
    }
    expect(stage.authority.revoked).toEqual([]);
    const viewer = stage.member(['agents:read'], orgId);
    await expect(agents.revoke({ agentId }, viewer.meta())).rejects.toMatchObject({ code: 'auth.forbidden' });
    await expect(agents.label({ agentId, labels: {} }, viewer.meta())).rejects.toMatchObject({
      code: 'auth.forbidden',
    });
  });
});

describe('an agent as of a past moment', () => {
  it('is what the facts up to then say', async () => {
    const { agentId, orgId, meta } = await enrolled();
    const at = () => new Date(stage.clock.now()).toISOString();
    const record = (
      stream: string,
      type: string,
      data: object,
      revision: 'no-stream' | bigint = 'no-stream',
    ) =>
      stage.store.append(stream, revision, [
        { id: newId('evt'), type, v: 1, data, metadata: { orgId, actor: agentId, at: at() } },
      ]);
    const moments: string[] = [];
    const tick = () => {
      moments.push(at());
      stage.clock.advance(60_000);
    };
    const before = new Date(stage.clock.now() - 1).toISOString();
    tick();
    await record(`liveness-${agentId}`, 'AgentCameOnline', { agentId, seenAt: at(), first: true });
    await record(`journal-${agentId}.1`, 'SecretCreated', {});
    tick();
    await agents.label({ agentId, labels: { env: 'test' } }, meta());
    await record(`liveness-${agentId}`, 'AgentWentOffline', {}, 0n);
    tick();
    await agents.revoke({ agentId }, meta());
    tick();

    const past = new PastAgents(stage.parts);
    const look = async (asOf: string) => (await past.asOf({ agentId, asOf }, meta())).data.agent;
    expect(await look(before)).toBeNull();
    const views = [];
    for (const moment of moments) views.push(agentView.parse(await look(moment)));
    expect(views).toMatchObject([
      {
        state: 'unknown',
        labels: { site: 'berlin' },
        journal: { seq: 0 },
        lastEvent: { type: 'AgentEnrolled' },
      },
      { state: 'online', journal: { epoch: 1, seq: 1 }, lastSeenAt: null },
      { state: 'offline', labels: { env: 'test' }, lastEvent: { at: moments[2] } },
      { state: 'revoked', lastEvent: { type: 'AgentRevoked', at: moments[3] } },
    ]);
  });
});
