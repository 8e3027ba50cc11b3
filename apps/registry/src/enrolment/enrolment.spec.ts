import { X509Certificate } from 'node:crypto';
import { mintEnrolmentToken } from '@keyfleet/auth';
import { agentIdentity } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { createStage, enrolRequest, metaOf, newAgent, type Stage } from '../testing/stage.js';
import { Enrolment } from './enrolment.js';

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});

const TOKEN_INVALID = { code: 'enrolment.token-invalid' };

async function issue(terms: Parameters<Stage['tokens']['issue']>[0] = {}) {
  const admin = stage.member();
  const { data } = await stage.tokens.issue(terms, admin.meta());
  return { ...admin, ...data };
}

const enrol = async (token: string, agent?: Awaited<ReturnType<typeof newAgent>>) =>
  (await stage.enrolment.enrol(enrolRequest(agent ?? (await newAgent()), token), metaOf())).data;

const facts = async (agentId: string) =>
  (await stage.store.readStream(agentStream(agentId))).map(({ type }) => type);

describe('enrolment', () => {
  it('makes an agent of a token, in the organisation of the token', async () => {
    const { token, orgId, id } = await issue({ labels: { env: 'prod', site: 'munich' } });
    const agent = await newAgent();
    const identity = await enrol(token, agent);
    expect(agentIdentity.parse(identity)).toMatchObject({ orgId, epoch: 1, prev: '0'.repeat(64) });
    const [enrolled] = await stage.store.readStream(agentStream(identity.agentId));
    expect(enrolled).toMatchObject({
      type: 'AgentEnrolled',
      data: {
        name: 'site-1.berlin',
        nkey: agent.nkey,
        tokenId: id,
        // What the token says wins over what the agent says.
        labels: { env: 'prod', site: 'munich' },
        certificateExpiresAt: identity.expiresAt,
      },
      metadata: { orgId, actor: identity.agentId },
    });
    const certificate = new X509Certificate(identity.certificate);
    expect(certificate.subject).toContain(identity.agentId);
  });

  it('S6: of 50 parallel uses of one token exactly one succeeds', async () => {
    const { token, id } = await issue();
    const agents = await Promise.all(Array.from({ length: 50 }, newAgent));
    const uses = await Promise.allSettled(agents.map((agent) => enrol(token, agent)));
    const refused = uses.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(49);
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toMatchObject(TOKEN_INVALID);
    expect(await stage.store.readStream(`enrolment-${id}`)).toHaveLength(2);
    const { events } = await stage.store.readAll({ filter: { categories: ['agent'] } });
    expect(events.map(({ type }) => type)).toEqual(['AgentEnrolled']);
  });

  it('S6: two replicas enrolling at once keep to the uses of a token', async () => {
    const { token } = await issue({ uses: 20 });
    const replicas = [new Enrolment(stage.parts), new Enrolment(stage.parts)];
    const agents = await Promise.all(Array.from({ length: 60 }, newAgent));
    const uses = await Promise.allSettled(
      agents.map((agent, n) => (replicas[n % 2] as Enrolment).enrol(enrolRequest(agent, token), metaOf())),
    );
    expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    const { events } = await stage.store.readAll({ filter: { categories: ['agent'] } });
    expect(new Set(events.map(({ stream }) => stream)).size).toBe(20);
  });

  it('answers the same agent again when its answer was lost, and costs no second use', async () => {
    const { token, id } = await issue();
    const agent = await newAgent();
    const first = await enrol(token, agent);
    const again = await enrol(token, agent);
    expect(again.agentId).toBe(first.agentId);
    expect(await facts(first.agentId)).toEqual(['AgentEnrolled', 'AgentCertificateRenewed']);
    expect(await stage.store.readStream(`enrolment-${id}`)).toHaveLength(2);
  });

  it('writes down every certificate it hands out, also when one agent asks twice at once', async () => {
    const { token } = await issue();
    const agent = await newAgent();
    const answers = await Promise.all([enrol(token, agent), enrol(token, agent), enrol(token, agent)]);
    const [{ agentId }] = answers;
    const events = await stage.store.readStream(agentStream(agentId));
    const serials = events.map(({ data }) => (data as { serial: string }).serial);
    const handedOut = answers.map(({ certificate }) =>
      new X509Certificate(certificate).serialNumber.toLowerCase(),
    );
    expect(serials.sort()).toEqual(handedOut.sort());
  });

  it('finishes what a process that died after using the token left undone', async () => {
    const { token, id } = await issue();
    const agent = await newAgent();
    const { append } = stage.store;
    let died = false;
    stage.store.append = async (stream, ...rest) => {
      if (!died && stream.startsWith('agent-')) {
        died = true;
        throw new Error('killed');
      }
      return append.call(stage.store, stream, ...rest);
    };
    await expect(enrol(token, agent)).rejects.toThrow('killed');
    const { agentId } = await enrol(token, agent);
    expect(await facts(agentId)).toEqual(['AgentEnrolled']);
    expect(await stage.store.readStream(`enrolment-${id}`)).toHaveLength(2);
  });

  it('keeps a key with the agent it belongs to', async () => {
    const [first, second] = [await issue(), await issue()];
    const agent = await newAgent();
    await enrol(first.token, agent);
    await expect(enrol(second.token, agent)).rejects.toMatchObject({ code: 'enrolment.key-taken' });
    // The token was not used up by it.
    await expect(enrol(second.token)).resolves.toMatchObject({ orgId: second.orgId });
  });

  it('S4: never takes a revoked agent back, with whatever token', async () => {
    const { token, orgId } = await issue({ uses: 5 });
    const agent = await newAgent();
    const { agentId } = await enrol(token, agent);
    const metadata = { orgId, actor: newId('usr'), at: '2026-01-01T00:00:00.000Z' };
    const data = { agentId, jwtExpiresAt: '2026-01-02T00:00:00.000Z' };
    await stage.store.append(agentStream(agentId), 0n, [
      { id: newId('evt'), type: 'AgentRevoked', v: 1, data, metadata },
    ]);
    await expect(enrol(token, agent)).rejects.toMatchObject({ code: 'agent.revoked' });
    const other = await issue();
    await expect(enrol(other.token, agent)).rejects.toMatchObject({ code: 'enrolment.key-taken' });
  });

  it('S5: a refused certificate request costs no use of the token', async () => {
    const { token } = await issue();
    const agent = await newAgent();
    const broken = { ...agent, csr: agent.csr.replace(/[A-Z]{3}/, 'AAA') };
    await expect(enrol(token, broken)).rejects.toMatchObject({ code: 'enrolment.csr-invalid' });
    await expect(enrol(token, agent)).resolves.toMatchObject({ epoch: 1 });
  });

  it('refuses an agent that would have too many labels with those of the token', async () => {
    const many = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`l${n}`, 'x']));
    const { token } = await issue({ labels: many });
    await expect(enrol(token)).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('S8: queues what it can do soon and tells the rest when to come again', async () => {
    const { token } = await issue({ uses: 100 });
    const narrow = new Enrolment({ ...stage.parts, concurrency: 1 });
    const agents = await Promise.all(Array.from({ length: 30 }, newAgent));
    const uses = await Promise.allSettled(
      agents.map((agent) => narrow.enrol(enrolRequest(agent, token), metaOf())),
    );
    const refused = uses.filter((use) => use.status === 'rejected');
    expect(refused).toHaveLength(30 - 1 - 16);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'enrolment.busy' });
      expect(reason.details.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
  });
});

describe('an enrolment token that must not work', () => {
  it('S6: is refused with one answer, whatever is wrong with it', async () => {
    const { token, id, meta } = await issue({ expiresIn: 60, uses: 9 });
    const wrongPin = token.replace(stage.authority.pin, 'ab'.repeat(32));
    const wrongSecret = `${token.slice(0, -5)}AAAAA`;
    for (const bad of [wrongPin, wrongSecret, 'kfe_'])
      await expect(enrol(bad)).rejects.toMatchObject(TOKEN_INVALID);
    await stage.tokens.revoke({ tokenId: id }, meta());
    await expect(enrol(token)).rejects.toMatchObject(TOKEN_INVALID);
    const other = await issue({ expiresIn: 60 });
    stage.clock.advance(60_000);
    await expect(enrol(other.token)).rejects.toMatchObject(TOKEN_INVALID);
  });

  it('is refused in a suspended organisation', async () => {
    const { token, orgId } = await issue();
    stage.suspended.add(orgId);
    await expect(enrol(token)).rejects.toMatchObject(TOKEN_INVALID);
  });

  it('S23: is refused once whoever issued it may no longer issue one', async () => {
    const left = await issue({ uses: 9 });
    await enrol(left.token);
    stage.cutOff(left);
    await expect(enrol(left.token)).rejects.toMatchObject(TOKEN_INVALID);
    const less = await issue({ uses: 9 });
    stage.cutOff(less);
    stage.member(['enrolment:read'], less.orgId, less.userId);
    await expect(enrol(less.token)).rejects.toMatchObject(TOKEN_INVALID);
  });

  it('S23: issued by an API token, says no later end than that has', async () => {
    const token = stage.member();
    const hour = stage.clock.now() + 3_600_000;
    stage.expiries.set(token.userId, hour);
    const [long, short] = [
      await stage.tokens.issue({ expiresIn: 86_400 }, token.meta()),
      await stage.tokens.issue({ expiresIn: 60 }, token.meta()),
    ];
    expect(Date.parse(long.data.expiresAt)).toBe(hour);
    expect(Date.parse(short.data.expiresAt)).toBe(stage.clock.now() + 60_000);
  });

  it('is refused where its secret lost the race for the token it points to', async () => {
    const { token, id } = await issue();
    const lost = mintEnrolmentToken(stage.authority.pin);
    await stage.secrets.remember(lost.hash, id);
    await expect(enrol(lost.secret)).rejects.toMatchObject(TOKEN_INVALID);
    await expect(enrol(token)).resolves.toMatchObject({ epoch: 1 });
  });
});

describe('issuing enrolment tokens', () => {
  it('shows the token once: the same Idempotency-Key gets its id, another body is refused', async () => {
    const { meta } = stage.member();
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    const { data } = await stage.tokens.issue({}, meta(key));
    await expect(stage.tokens.issue({}, meta(key))).rejects.toMatchObject({
      code: 'idempotency.shown-once',
      details: { extensions: { id: data.id } },
    });
    const other = { ...key, bodyHash: 'b'.repeat(64) };
    await expect(stage.tokens.issue({ uses: 2 }, meta(other))).rejects.toMatchObject({
      code: 'idempotency.mismatch',
    });
  });

  it('shows one token to one of many that come at once with one Idempotency-Key', async () => {
    const admin = stage.member();
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    const attempts = await Promise.allSettled([1, 2, 3].map(() => stage.tokens.issue({}, admin.meta(key))));
    const shown = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(shown).toHaveLength(1);
    expect((await stage.store.readAll()).events).toHaveLength(1);
    await expect(enrol(shown[0]?.value.data.token as string)).resolves.toMatchObject({ orgId: admin.orgId });
  });

  it('S6: keeps the hash and nowhere the secret, for 15 minutes by default', async () => {
    const { token, expiresAt, id } = await issue();
    expect(Date.parse(expiresAt) - stage.clock.now()).toBe(15 * 60_000);
    const stored = JSON.stringify((await stage.store.readStream(`enrolment-${id}`)).map(({ data }) => data));
    expect(stored).toContain('secretHash');
    // The secret itself may begin with what stands between the parts.
    expect(stored).not.toContain(token.split('_').slice(2).join('_'));
  });

  it('S9: needs the permission, and shows nothing of a foreign token', async () => {
    const viewer = stage.member(['enrolment:read']);
    await expect(stage.tokens.issue({}, viewer.meta())).rejects.toMatchObject({ code: 'auth.forbidden' });
    const { id } = await issue();
    const stranger = stage.member();
    const absent = stage.tokens.revoke({ tokenId: newId('etk') }, stranger.meta()).catch((error) => error);
    const foreign = stage.tokens.revoke({ tokenId: id }, stranger.meta()).catch((error) => error);
    expect(await foreign).toEqual(await absent);
    expect(await foreign).toMatchObject({ code: 'resource.not-found' });
  });
});
