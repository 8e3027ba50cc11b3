import { renewSigningInput } from '@keyfleet/contracts';
import type { RenewRequest } from '@keyfleet/contracts/http';
import { toTimestamp } from '@keyfleet/kernel';
import { agentStream } from '@keyfleet/registry/domain';
import { createStage, enrolRequest, metaOf, newAgent, type Stage } from '../testing/stage.js';
import { Readoption } from './readoption.js';
import { Renewal } from './renewal.js';
import { answerRenewal } from './renewal-answer.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MOST = 30;
const LIMITED = { code: 'rate.limited', details: { retryAfterMs: expect.any(Number) } };

let stage: Stage;
let agent: Awaited<ReturnType<typeof enrolled>>;

beforeEach(async () => {
  stage = await createStage();
  agent = await enrolled();
});

async function enrolled() {
  const admin = stage.member();
  const unknown = await newAgent();
  const { data } = await stage.tokens.issue({}, admin.meta());
  const { orgId, agentId } = (await stage.enrolment.enrol(enrolRequest(unknown, data.token), metaOf())).data;
  return { ...unknown, orgId, agentId };
}

/** Another process on the same store. */
function replica(lifeMs?: number): Renewal {
  const issueAgentIdentity: typeof stage.authority.issueAgentIdentity = async (request) => {
    const issued = await stage.authority.issueAgentIdentity(request);
    return lifeMs === undefined ? issued : { ...issued, expiresAt: toTimestamp(stage.clock.now() + lifeMs) };
  };
  const { parts } = stage;
  return new Renewal({ ...parts, authority: { issueAgentIdentity }, readoption: new Readoption(parts) });
}

function renew(renewal: Renewal = stage.renewal) {
  const { agentId, csr, orgId } = agent;
  return renewal.renewConnected({ agentId, csr }, orgId, metaOf());
}

function signed(): RenewRequest {
  const { agentId, csr, nkey, keys } = agent;
  const at = toTimestamp(stage.clock.now());
  const request = { agentId, csr, nkey, at, nonce: 'nonce-of-22-characters-1' };
  const signature = Buffer.from(keys.sign(Buffer.from(renewSigningInput(request)))).toString('base64url');
  return { ...request, signature };
}

const recorded = async () =>
  (await stage.store.readStream(agentStream(agent.agentId))).filter(
    ({ type }) => type === 'AgentCertificateRenewed',
  ).length;

describe('renewals of one agent', () => {
  it('repro-endless-renewals: S4: end at a limit within an hour, whichever replica is asked, and go on after it', async () => {
    const replicas = [replica(), replica()];
    for (let round = 0; round < MOST / 2; round += 1)
      for (const one of replicas) await expect(renew(one)).resolves.toBeDefined();
    for (const one of replicas) await expect(renew(one)).rejects.toMatchObject(LIMITED);
    await expect(stage.renewal.renewSigned(signed(), metaOf())).rejects.toMatchObject(LIMITED);
    expect(await recorded()).toBe(MOST);
    stage.clock.advance(HOUR + 1);
    await expect(renew()).resolves.toBeDefined();
  });

  it('S4: asked for at once, of replicas that cannot see each other, stop at the limit as well', async () => {
    for (let count = 2; count < MOST; count += 1) await renew();
    const attempts = [replica(), replica(), replica()].flatMap((one) => [renew(one), renew(one), renew(one)]);
    const settled = await Promise.allSettled(attempts);
    const given = settled.filter(({ status }) => status === 'fulfilled').length;
    expect(given).toBe(2);
    expect(await recorded()).toBe(MOST);
  });

  it('S4: by the token an agent was enrolled with count as well, and cost no use of it', async () => {
    const { data } = await stage.tokens.issue({ uses: 2 }, stage.member().meta());
    const unknown = await newAgent();
    const enrol = () => stage.enrolment.enrol(enrolRequest(unknown, data.token), metaOf());
    const { agentId } = (await enrol()).data;
    for (let count = 0; count < MOST; count += 1) await enrol();
    await expect(enrol()).rejects.toMatchObject(LIMITED);
    const events = await stage.store.readStream(agentStream(agentId));
    expect(events).toHaveLength(1 + MOST);
  });

  it('beyond the limit cost no nonce, so that the same request is taken later', async () => {
    for (let count = 0; count < MOST; count += 1) await renew();
    const request = signed();
    await expect(stage.renewal.renewSigned(request, metaOf())).rejects.toMatchObject(LIMITED);
    stage.clock.advance(HOUR);
    await expect(stage.renewal.renewSigned(request, metaOf())).resolves.toBeDefined();
  });

  it('beyond the limit are answered over the broker with when to ask again', async () => {
    for (let count = 0; count < MOST; count += 1) await renew();
    const { agentId, csr, orgId } = agent;
    const data = Buffer.from(JSON.stringify({ v: 1, agentId, csr }));
    const caller = { orgId, agentId, kind: 'rpc.renew' as const };
    const ask = () => answerRenewal(stage.renewal, { caller, data }, (error) => Promise.reject(error));
    expect(await ask()).toEqual({ retryAfterMs: MINUTE });
    stage.clock.advance(HOUR - 1_500);
    expect(await ask()).toEqual({ retryAfterMs: 1_500 });
  });

  it('F28: never meet it where a broker refuses fresh credentials too, every five minutes', async () => {
    for (let count = 0; count < 3 * 12; count += 1) {
      await expect(renew()).resolves.toBeDefined();
      stage.clock.advance(5 * MINUTE);
    }
  });

  it('F28: never meet it where credentials live for ten seconds and are renewed as often as an agent ever does', async () => {
    const life = 10_000;
    const short = replica(life);
    for (let count = 0; count < 2 * MOST; count += 1) {
      await expect(renew(short)).resolves.toBeDefined();
      stage.clock.advance(life / 4);
    }
    for (let count = 0; count < MOST; count += 1) await renew(short).catch(() => undefined);
    await expect(renew(short)).rejects.toMatchObject(LIMITED);
    stage.clock.advance(life);
    await expect(renew(short)).resolves.toBeDefined();
  });
});
