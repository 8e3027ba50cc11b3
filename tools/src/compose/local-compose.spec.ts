import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FoundServer, findServer, type PostgresServer, startPostgres } from '@keyfleet/embedded';
import { type KurrentDouble, startKurrentDouble } from '@keyfleet/event-store/kurrent/testing';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { Admin } from '../launcher/admin.js';
import { type ComposeFile, type ComposeService, readCompose } from './compose-file.js';
import { last, parseDockerfile } from './dockerfile.js';
import { assembleImage } from './image.js';
import { LocalStack } from './local-stack.js';

const ROOT = process.cwd();
const SERVICES = ['registry', 'policy', 'analytics', 'notify', 'gateway'];
const PORTS = { '4222': 'nats', '8222': 'nats', '6379': 'redis', '5432': 'postgres', '2113': 'kurrentdb' };
const directory = temporaryDirectory('compose');
const dockerfile = parseDockerfile(readFileSync(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8'));
const compose = withBrokerOfThisMachine(readCompose(join(ROOT, 'docker-compose.yml')));
let image: string;
let made: ReadonlySet<string>;
let stack: LocalStack;
let postgres: PostgresServer;
let kurrentdb: KurrentDouble;

/** A broker of this machine may be older than what the file pins. Nothing else of the file is changed. */
function withBrokerOfThisMachine(file: ComposeFile): ComposeFile {
  const local = ([name, service]: [string, ComposeService]): [string, ComposeService] => {
    const { environment } = service;
    // The gateway asks no broker for its version.
    if (!environment?.KEYFLEET_NATS__URL || name === 'gateway') return [name, service];
    return [
      name,
      { ...service, environment: { ...environment, KEYFLEET_NATS__ALLOW_UNSAFE_VERSION: 'true' } },
    ];
  };
  return { ...file, services: Object.fromEntries(Object.entries(file.services).map(local)) };
}

function stackOf(
  file: ComposeFile,
  folder: string,
  servers: Readonly<Record<string, FoundServer>> = {},
): LocalStack {
  const env = (last(dockerfile.stages[1] as never, 'ENV') ?? '').split(/\s+/).map((pair) => pair.split('='));
  return new LocalStack({
    file,
    image,
    imageEnv: Object.fromEntries(env),
    directory: folder,
    servers,
    ports: PORTS,
  });
}

beforeAll(async () => {
  image = assembleImage(dockerfile, ROOT, directory);
  made = new Set(filesOf(image));
  const vendorDirectory = join(ROOT, '.keyfleet', 'vendor');
  const [nats, redis] = await Promise.all([
    findServer('nats-server', { vendorDirectory }),
    findServer('redis-server', { vendorDirectory }),
  ]);
  stack = stackOf(compose, directory, { 'nats-server': nats, 'redis-server': redis });
  await stack.once('passwords');
  await stack.once('authority');
  postgres = await startDatabase();
  // KurrentDB itself is in no package to be had here; its double speaks its wire at its place.
  kurrentdb = await startKurrentDouble({ port: await stack.port('kurrentdb', 2113) });
  await Promise.all([stack.start('nats'), stack.start('redis')]);
  await stack.once('migrate');
  await stack.once('bootstrap');
  await Promise.all(SERVICES.map((name) => stack.start(name)));
  await Promise.all(
    SERVICES.map(async (name) =>
      expect([name, await stack.becomesHealthy(name, 60_000)]).toEqual([name, 'healthy']),
    ),
  );
}, 120_000);

afterAll(async () => {
  await stack?.stopAll();
  await Promise.all([postgres?.stop('immediate'), kurrentdb?.stop()]);
});

/** With the superuser's password of the stack, at the port its addresses name. */
async function startDatabase(): Promise<PostgresServer> {
  const folder = join(directory, 'postgres');
  mkdirSync(folder);
  const password = readFileSync(join(stack.volume('postgres-secrets'), 'superuser-password'), 'utf8');
  writeFileSync(join(folder, 'superuser-password'), password, { mode: 0o600 });
  const port = await stack.port('postgres', 5432);
  const server = await startPostgres({ directory: folder, port, settings: { fsync: 'off' } });
  expect(server.port).toBe(port);
  return server;
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

it.each(SERVICES)(
  '%s becomes healthy by its own command, environment and healthcheck',
  async (name) => {
    expect(await stack.becomesHealthy(name)).toBe('healthy');
  },
  120_000,
);

it('the first admin signs in with the password the stack made, an agent enrols, and a write is seen by the next read', async () => {
  const url = `http://127.0.0.1:${await stack.port('gateway', 8080)}`;
  const password = (await stack.once('admin-password')).trim();
  const admin = new Admin(url, 'admin@keyfleet.local', password);
  expect((await admin.orgs()).map(({ slug }) => slug)).toEqual(['main']);
  await stack.once('agent-token');
  await stack.start('agent');
  expect(await stack.becomesHealthy('agent')).toBe('healthy');
  await waitFor(async () =>
    (await admin.agents('main')).some(({ name, state }) => name === 'demo' && state === 'online'),
  );
  const cookie = await signIn(url, password);
  const written = await fetch(`${url}/api/v1/orgs/main/groups`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'everything', selector: 'labels.env = "prod"' }),
  });
  const position = written.headers.get('keyfleet-position') ?? '';
  expect([written.status, position]).toEqual([201, expect.stringMatching(/./)]);
  const read = await fetch(`${url}/api/v1/orgs/main/groups`, {
    headers: { cookie, 'keyfleet-position': position },
  });
  expect(read.headers.get('keyfleet-stale')).toBeNull();
  expect(JSON.stringify(await read.json())).toContain('everything');
}, 120_000);

async function signIn(url: string, password: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@keyfleet.local', password }),
  });
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

it('the broker’s certificate speaks for the name services reach it by', () => {
  const certificate = new X509Certificate(readFileSync(join(stack.volume('nats'), 'server.crt')));
  expect(certificate.checkHost('nats')).toBe('nats');
});

it('only its owner reads a secret, and servers under another user those made for them', () => {
  const mode = (volume: string, name: string): number =>
    statSync(join(stack.volume(volume), name)).mode & 0o777;
  for (const file of ['redis-url', 'cursor-secret', 'nats.creds', 'tls.key', 'database-auth-url'])
    expect([file, mode('gateway-secrets', file)]).toEqual([file, 0o600]);
  expect(mode('admin-secrets', 'password')).toBe(0o600);
  expect([mode('postgres-secrets', 'superuser-password'), mode('redis-secrets', 'redis.conf')]).toEqual([
    0o640, 0o640,
  ]);
});

it('no container holds a password that is not for it', () => {
  const stored = readFileSync(join(stack.volume('migrate-secrets'), 'passwords/owner'), 'utf8').trim();
  const superuser = readFileSync(join(stack.volume('postgres-secrets'), 'superuser-password'), 'utf8').trim();
  for (const service of SERVICES) {
    const text = filesOf(stack.volume(`${service}-secrets`))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    expect([service, text.includes(stored), text.includes(superuser)]).toEqual([service, false, false]);
    expect([service, text.includes('kf_identity:')]).toEqual([service, service === 'registry']);
  }
});

it('running the one-shots again changes no password and no key', async () => {
  const fingerprint = () =>
    ['admin-secrets', 'migrate-secrets', 'authority', 'redis-secrets'].flatMap((volume) =>
      filesOf(stack.volume(volume)).map((file) => `${file} ${readFileSync(file, 'utf8')}`),
    );
  const before = fingerprint();
  await stack.once('passwords');
  await stack.once('authority');
  await stack.once('migrate');
  await stack.once('bootstrap');
  expect(fingerprint()).toEqual(before);
}, 60_000);

describe('planted in the file', () => {
  const broken = (change: (service: ComposeService) => Partial<ComposeService>): LocalStack => {
    const policy = compose.services.policy as ComposeService;
    const services = { ...compose.services, policy: { ...policy, ...change(policy) } };
    return stackOf({ ...compose, services }, directory);
  };

  it('a setting of another name ends the service, which says the right one', async () => {
    const wrong = broken(({ environment }) => ({
      environment: { ...environment, KEYFLEET_REDIS__URI: 'x' },
    }));
    await wrong.start('policy');
    expect(await wrong.becomesHealthy('policy')).toMatch(/ended: [\s\S]*KEYFLEET_REDIS__URI/);
  }, 60_000);

  it('a command that is not in the image ends it', async () => {
    const wrong = broken(() => ({ command: ['node', 'apps/policies/dist/main.js'] }));
    await wrong.start('policy');
    expect(await wrong.becomesHealthy('policy')).toMatch(/ended: [\s\S]*Cannot find module/);
  }, 60_000);

  it('a healthcheck that asks nobody never passes', async () => {
    const wrong = broken(({ environment }) => ({
      environment: { ...environment, KEYFLEET_OPERATIONS__PORT: '1' },
    }));
    expect(await wrong.becomesHealthy('policy', 1_000)).toMatch(/^not healthy: There is no answer at port/);
  }, 60_000);
});

it('nothing writes beside its volumes, and everything ends by itself when told to', async () => {
  const written = filesOf(image).filter((file) => !made.has(file));
  for (const name of SERVICES) expect([name, await stack.stop(name)]).toEqual([name, 'exit code 0']);
  expect(await stack.stop('agent')).toBe('exit code 0');
  expect(written).toEqual([]);
}, 60_000);
