import { agentSubject } from '@keyfleet/contracts/messages';
import {
  createCertificateAuthority,
  createCertificateRequest,
  issueAgentCertificate,
  issueServerCertificate,
  loadCertificateAuthority,
  readCertificateRequest,
} from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type BrokerIdentity, connectNats } from '../connection.js';
import { type TestAgent, TestBroker } from '../testing/index.js';
import { generateUserSeed, publicKeyOf } from './keys.js';
import { agentUserJwt } from './users.js';

jest.setTimeout(120_000);

const HOUR = 3_600_000;

describe('who gets in', () => {
  let broker: TestBroker;
  let agent: TestAgent;
  let witness: NatsConnection;

  beforeAll(async () => {
    broker = await TestBroker.start();
    await broker.push();
    agent = await broker.agent();
    witness = await broker.connectWitness();
  });

  afterAll(async () => {
    await witness.close();
    await broker.stop();
  });

  const attempt = async (identity: BrokerIdentity): Promise<string> => {
    try {
      const connection = await connectNats({
        servers: broker.servers,
        identity: () => identity,
        inboxPrefix: '_INBOX.test',
        name: 'test',
        attemptTimeoutMs: 2_000,
      });
      await connection.close();
      return 'in';
    } catch {
      return 'out';
    }
  };

  const signer = () => ({
    account: publicKeyOf(broker.seeds.account),
    agentsSeed: broker.seeds.agents,
  });
  const userOf = (from: TestAgent) => ({
    orgId: from.orgId,
    agentId: from.agentId,
    nkey: from.nkey,
    certificateKeyId: '0'.repeat(64),
    expiresAt: Date.now() + HOUR,
  });

  it('S1: genuine credentials get in', async () => {
    expect(await attempt(agent.identity)).toBe('in');
    expect(await attempt(await broker.serviceIdentity('gateway'))).toBe('in');
  });

  it('S1: nothing, no certificate, or a certificate without credentials stay out', async () => {
    const { certificate, privateKey, trustBundle } = agent.identity;
    const servers = broker.servers;
    await expect(connect({ servers })).rejects.toThrow();
    await expect(connect({ servers, timeout: 2_000, tls: { ca: trustBundle } })).rejects.toThrow();
    await expect(
      connect({ servers, tls: { ca: trustBundle, cert: certificate, key: privateKey } }),
    ).rejects.toThrow('Authorization');
    await expect(
      connect({
        servers,
        user: 'a',
        pass: 'b',
        tls: { ca: trustBundle, cert: certificate, key: privateKey },
      }),
    ).rejects.toThrow('Authorization');
  });

  it('S1: a JWT whose key one does not hold, a changed one, or one of another installation stays out', async () => {
    const other = await broker.agent();
    const stranger = await TestBroker.start();
    await stranger.stop();
    const foreign = await agentUserJwt(
      { account: publicKeyOf(stranger.seeds.account), agentsSeed: stranger.seeds.agents },
      userOf(agent),
    );
    const [header, body, signature] = agent.identity.jwt.split('.') as [string, string, string];
    const edited = Buffer.from(body, 'base64url').toString().replace(agent.orgId, other.orgId);
    const changed = [header, Buffer.from(edited).toString('base64url'), signature].join('.');
    expect(await attempt({ ...agent.identity, jwt: other.identity.jwt })).toBe('out');
    expect(await attempt({ ...agent.identity, jwt: changed })).toBe('out');
    expect(await attempt({ ...agent.identity, jwt: foreign })).toBe('out');
    expect(await attempt({ ...agent.identity, seed: generateUserSeed() })).toBe('out');
    // Signed with a key that is no signer of the account.
    const selfMade = await agentUserJwt({ ...signer(), agentsSeed: stranger.seeds.agents }, userOf(agent));
    expect(await attempt({ ...agent.identity, jwt: selfMade })).toBe('out');
  });

  it('S1: an expired JWT stays out and a certificate of another authority, of a server, or expired stays out', async () => {
    const expired = await agentUserJwt(signer(), { ...userOf(agent), expiresAt: Date.now() - 5_000 });
    expect(await attempt({ ...agent.identity, jwt: expired })).toBe('out');
    const certificateFrom = async (ca: typeof broker.ca, now: number, validForMs: number) => {
      const { csr, privateKey } = await createCertificateRequest();
      const request = await readCertificateRequest(csr);
      const { orgId, agentId } = agent;
      const { certificate } = await issueAgentCertificate(ca, { orgId, agentId, request, now, validForMs });
      return { certificate, privateKey };
    };
    const other = await loadCertificateAuthority(
      await createCertificateAuthority({ commonName: 'test', now: Date.now(), validForMs: HOUR }),
    );
    const old = await certificateFrom(broker.ca, Date.now() - 2 * HOUR, HOUR);
    expect(await attempt({ ...agent.identity, ...old })).toBe('out');
    expect(await attempt({ ...agent.identity, ...(await certificateFrom(other, Date.now(), HOUR)) })).toBe(
      'out',
    );
    const server = await issueServerCertificate(broker.ca, {
      commonName: agent.agentId,
      names: ['localhost'],
      now: Date.now(),
      validForMs: HOUR,
    });
    expect(await attempt({ ...agent.identity, ...server })).toBe('out');
    expect(
      await attempt({ ...agent.identity, ...(await certificateFrom(broker.ca, Date.now(), HOUR)) }),
    ).toBe('in');
  });

  it('S7: who somebody is comes from the JWT; a certificate that names another agent changes nothing', async () => {
    const victim = await broker.agent({ orgId: agent.orgId });
    const { certificate, privateKey } = victim.identity;
    const connection = await connectNats({
      servers: broker.servers,
      identity: () => ({ ...agent.identity, certificate, privateKey }),
      inboxPrefix: `_INBOX.${agent.agentId}`,
      name: victim.agentId,
    });
    const heard: string[] = [];
    witness.subscribe('kf.v1.>', { callback: (_error, message) => void heard.push(message.subject) });
    await witness.flush();
    connection.publish(agentSubject(victim, 'hb'), 'forged');
    connection.publish(agentSubject(agent, 'hb'), 'own');
    await waitFor(() => heard.includes(agentSubject(agent, 'hb')));
    expect(heard).not.toContain(agentSubject(victim, 'hb'));
    await connection.close();
  });

  it('a service may say all there is to say of a policy of a thousand statements', async () => {
    const connection = await broker.connectService('policy');
    expect(connection.info?.max_payload).toBe(4 * 1024 * 1024);
    await connection.close();
  });

  it('S2: an agent sends at most 512 KiB at once and holds few subscriptions', async () => {
    const connection = await broker.connectAgent(agent);
    expect(connection.info?.max_payload).toBe(512 * 1024);
    const heard: number[] = [];
    witness.subscribe(agentSubject(agent, 'ev'), {
      callback: (_error, message) => void heard.push(message.data.length),
    });
    await witness.flush();
    connection.publish(agentSubject(agent, 'ev'), Buffer.alloc(512 * 1024));
    await waitFor(() => heard.length === 1);
    expect(() => connection.publish(agentSubject(agent, 'ev'), Buffer.alloc(512 * 1024 + 1))).toThrow();
    const errors: string[] = [];
    const statuses = connection.status();
    const reading = (async () => {
      for await (const status of statuses) if (status.type === 'error') errors.push(status.error.message);
    })();
    for (let n = 0; n < 20; n += 1) connection.subscribe(`_INBOX.${agent.agentId}.n${n}`);
    await waitFor(() => errors.some((error) => /maximum subscriptions exceeded/i.test(error)));
    await connection.close();
    await reading;
  });

  it('S1: a JWT that expires cuts the connection it made', async () => {
    const short = await broker.agent({ lifeMs: 3_000 });
    const connection = await broker.connectAgent(short, { reconnectWindowMs: 60_000 });
    const statuses: string[] = [];
    const reading = (async () => {
      for await (const status of connection.status())
        statuses.push(status.type === 'error' ? status.error.message : status.type);
    })();
    await waitFor(() => statuses.includes('disconnect'), { ceilingMs: 20_000 });
    expect(statuses.join()).toMatch(/expired/i);
    await waitFor(async () => (await attempt(short.identity)) === 'out');
    await connection.close();
    await reading;
  });

  it('S2: nobody but an id can be named in an agent’s JWT, so no template expands to a wildcard', async () => {
    const good = userOf(agent);
    const bad: Partial<typeof good>[] = [
      { agentId: '*' },
      { agentId: '>' },
      { agentId: `${good.agentId}.>` },
      { agentId: good.agentId.toUpperCase() },
      { agentId: '' },
      { orgId: '*' },
      { orgId: `${good.orgId}.x` },
      { orgId: newId('agt') },
      { nkey: publicKeyOf(broker.seeds.account) },
      { nkey: '*' },
      { certificateKeyId: '*' },
    ];
    for (const change of bad)
      await expect(async () => agentUserJwt(signer(), { ...good, ...change })).rejects.toThrow(TypeError);
    await expect(agentUserJwt(signer(), good)).resolves.toMatch(/^ey/);
  });
});
