import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSecret } from '@keyfleet/auth';
import { type AgentIdentity, rpcRenewReply } from '@keyfleet/contracts/http';
import {
  agentSubject,
  type CommandContract,
  createOrganisation,
  disableUser,
  enrolAgent,
  issueApiToken,
  issueEnrolmentToken,
  labelAgent,
  login,
  REGISTRY_COMMANDS,
  revokeAgent,
} from '@keyfleet/contracts/messages';
import { createCertificateRequest } from '@keyfleet/crypto';
import { authQueries } from '@keyfleet/identity/read-model';
import type { CommandClient } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { Cursors, tenancyViolations } from '@keyfleet/read-store';
import { listAgents } from '@keyfleet/registry/read-model';
import { waitFor } from '@keyfleet/testing';
import { createUser } from '@nats-io/nkeys';
import { Installation } from './testing/installation.js';
import { metaOf } from './testing/stage.js';

const EMAIL = 'admin@example.org';
const PASSWORD = 'a password of some length';

let installation: Installation;
let commands: CommandClient;
let reader: Sql;
let auth: Sql;
let admin: { readonly userId: string; readonly orgs: readonly { readonly id: string }[] };

beforeAll(async () => {
  installation = await Installation.create();
  await installation.run('migrate', installation.databaseSettings('owner'));
  const passwordFile = join(installation.directory, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  const args = [
    '--email',
    EMAIL,
    '--password-file',
    passwordFile,
    '--org',
    'acme:Acme Bank',
    '--org',
    'globex',
  ];
  const printed = await installation.run('bootstrap', installation.registrySettings(), args);
  admin = JSON.parse(printed.trim());
  await Promise.all([installation.replica(), installation.replica()]);
  commands = await installation.commands();
  reader = createSql({ url: installation.database.urlFor('kf_reader'), applicationName: 'test', max: 2 });
  auth = createSql({ url: installation.database.urlFor('kf_auth'), applicationName: 'test', max: 2 });
}, 120_000);

afterAll(async () => {
  await Promise.all([reader, auth].filter(Boolean).map((sql) => closeSql(sql, 1_000)));
  await installation?.stop();
}, 30_000);

const meta = (given = {}) => metaOf({ actor: admin.userId, orgId: admin.orgs[0]?.id ?? null, ...given });

async function newToken(terms: { uses?: number; labels?: Record<string, string> } = {}) {
  return (await commands.send(issueEnrolmentToken, terms, meta())).data;
}

interface Enrolled {
  readonly answer: AgentIdentity;
  readonly keys: ReturnType<typeof createUser>;
  readonly privateKey: string;
}

async function enrol(token: string, name = 'site-1'): Promise<Enrolled> {
  const keys = createUser();
  const { csr, privateKey } = await createCertificateRequest();
  const request = {
    token,
    name,
    csr,
    nkey: keys.getPublicKey(),
    agentVersion: '1.0.0',
    network: '127.0.0.1',
  };
  const { data } = await commands.send(enrolAgent, request, metaOf(), { timeoutMs: 20_000 });
  return { answer: data, keys, privateKey };
}

function connect({ answer, keys, privateKey }: Enrolled) {
  return installation.connectAgent(answer.agentId, {
    jwt: answer.jwt,
    seed: new TextDecoder().decode(keys.getSeed()),
    certificate: answer.certificate,
    privateKey,
    trustBundle: answer.trustBundle.join(''),
  });
}

const list = async (filter?: string) =>
  (
    await listAgents({
      sql: reader,
      cursors: new Cursors('k'.repeat(32)),
      orgId: admin.orgs[0]?.id as string,
      limit: 200,
      filter,
    })
  ).items;

describe('the registry as processes', () => {
  it('signs in whom bootstrap made, and shows the gateway who that is', async () => {
    const { data } = await commands.send(
      login,
      { email: EMAIL, password: PASSWORD, network: '127.0.0.1' },
      metaOf(),
    );
    const found = await authQueries(auth).findSession(hashSecret(data.sessionSecret));
    expect(found).toMatchObject({ userId: admin.userId, email: EMAIL, sessionId: data.sessionId });
    const orgs = await authQueries(auth).organisationsOf(admin.userId);
    expect(orgs.map(({ slug, name }) => ({ slug, name }))).toEqual([
      { slug: 'acme', name: 'Acme Bank' },
      { slug: 'globex', name: 'globex' },
    ]);
    await expect(
      commands.send(login, { email: EMAIL, password: 'wrong', network: '127.0.0.1' }, metaOf()),
    ).rejects.toMatchObject({ code: 'auth.failed' });
  });

  it('S6: two replicas let one of many agents in on a token for one', async () => {
    const { token } = await newToken();
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => enrol(token)));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const attempt of attempts.filter((one) => one.status === 'rejected'))
      expect(attempt.reason).toMatchObject({ code: 'enrolment.token-invalid' });
  }, 60_000);

  it('enrols agents over both replicas; they connect, renew, are labelled and found', async () => {
    const { token } = await newToken({ uses: 6, labels: { env: 'prod' } });
    const names = Array.from({ length: 6 }, (_, n) => `many-${n}`);
    const enrolled = await Promise.all(names.map((name) => enrol(token, name)));
    expect(new Set(enrolled.map(({ answer }) => answer.agentId)).size).toBe(6);
    await waitFor(async () => (await list('name:many')).length === 6, { what: 'the inventory' });

    const [first] = enrolled as [Enrolled];
    const { agentId, orgId } = first.answer;
    const connection = await connect(first);
    const { csr } = await createCertificateRequest();
    const reply = await connection.request(
      agentSubject({ agentId, orgId }, 'rpc.renew'),
      JSON.stringify({ v: 1, agentId, csr }),
      { timeout: 10_000 },
    );
    const renewed = rpcRenewReply.parse(reply.json()) as AgentIdentity;
    expect(renewed).toMatchObject({ agentId, orgId, epoch: 1 });
    expect(renewed.certificate).not.toBe(first.answer.certificate);
    await connection.close();

    await commands.send(labelAgent, { agentId, labels: { env: 'test' } }, meta());
    await waitFor(async () => (await list('labels.env = test')).length === 1, { what: 'the label' });
  }, 60_000);

  it('S5: gives a certificate with our names and rights, whatever was asked for', async () => {
    const { answer } = await enrol((await newToken()).token);
    const certificate = new X509Certificate(answer.certificate);
    expect(certificate.ca).toBe(false);
    expect(certificate.subject.split('\n').sort()).toEqual([`CN=${answer.agentId}`, `O=${answer.orgId}`]);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBeLessThanOrEqual(
      86_400_000,
    );
    const token = await newToken();
    const request = {
      token: token.token,
      name: 'x',
      csr: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      nkey: createUser().getPublicKey(),
      agentVersion: '1.0.0',
      network: '127.0.0.1',
    };
    await expect(commands.send(enrolAgent, request, metaOf())).rejects.toMatchObject({
      code: 'enrolment.csr-invalid',
    });
    await expect(enrol(token.token)).resolves.toBeDefined();
  }, 60_000);

  it('S4: cuts a revoked agent off the broker and lets it neither in nor renew', async () => {
    const enrolled = await enrol((await newToken()).token, 'revoked');
    const { agentId } = enrolled.answer;
    const connection = await connect(enrolled);
    const statuses = connection.status();
    await commands.send(revokeAgent, { agentId }, meta());
    for await (const { type } of statuses) if (type === 'disconnect') break;
    await connection.close();
    await expect(connect(enrolled)).rejects.toThrow();
    await waitFor(async () => (await list('state = revoked')).length === 1, { what: 'the inventory' });
  }, 60_000);

  it('S9: acts for nobody in an organisation they do not belong to', async () => {
    const stranger = { actor: newId('usr') };
    const { answer } = await enrol((await newToken()).token, 'mine');
    const { agentId } = answer;
    const absent = await commands.send(revokeAgent, { agentId }, meta(stranger)).catch((error) => error);
    const foreignOrg = { orgId: admin.orgs[1]?.id };
    const foreign = await commands.send(revokeAgent, { agentId }, meta(foreignOrg)).catch((error) => error);
    const unknown = await commands
      .send(revokeAgent, { agentId: newId('agt') }, meta(foreignOrg))
      .catch((error) => error);
    for (const error of [absent, foreign, unknown])
      expect(error).toMatchObject({ code: 'resource.not-found' });
    expect(foreign.details).toEqual(unknown.details);
    await expect(
      commands.send(createOrganisation, { slug: 'theirs', name: 'X' }, metaOf(stranger)),
    ).rejects.toMatchObject({ code: 'auth.forbidden' });
    for (const orgId of [admin.orgs[0]?.id, newId('org')])
      await expect(
        commands.send(disableUser, { userId: admin.userId }, meta({ ...stranger, orgId })),
      ).rejects.toMatchObject({ code: 'resource.not-found' });
  }, 60_000);

  it('answers every command of its contract, and none that it cannot read', async () => {
    for (const contract of Object.values(REGISTRY_COMMANDS)) {
      const contracted: CommandContract = contract;
      await expect(commands.send(contracted, { nothing: 'of it' }, metaOf())).rejects.toMatchObject({
        code: 'request.invalid',
      });
    }
  });

  it('an API token acts within its rights, through either replica', async () => {
    const { data } = await commands.send(
      issueApiToken,
      { name: 'ci', permissions: ['enrolment:write'] },
      meta(),
    );
    const asToken = meta({ actor: data.id });
    await expect(commands.send(issueEnrolmentToken, {}, asToken)).resolves.toMatchObject({ data: {} });
    await expect(
      commands.send(issueApiToken, { name: 'more', permissions: ['org:read'] }, asToken),
    ).rejects.toMatchObject({ code: 'auth.forbidden' });
  });

  it('S10: the whole database knows of no way round row security', async () => {
    const owner = createSql({ url: installation.database.url, applicationName: 'test', max: 1 });
    expect(await tenancyViolations(owner)).toEqual([]);
    await closeSql(owner);
  });
});
