import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ComposeFile, type ComposeService, isOnce, readCompose } from './compose-file.js';
import { type Dockerfile, judgeDockerfile, parseDockerfile } from './dockerfile.js';
import { judgeCompose } from './judge.js';

const ROOT = process.cwd();
const compose = readCompose(join(ROOT, 'docker-compose.yml'));
const dockerfileText = readFileSync(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8');
const dockerfile = parseDockerfile(dockerfileText);

describe('docker-compose.yml', () => {
  it('has every process of the product and every server it stands on, each in a container of its own', () => {
    const staying = Object.entries(compose.services).filter(([, service]) => !isOnce(service));
    expect(staying.map(([name]) => name).sort()).toEqual(
      [
        'agent',
        'analytics',
        'gateway',
        'kurrentdb',
        'nats',
        'notify',
        'policy',
        'postgres',
        'redis',
        'registry',
      ].sort(),
    );
  });

  it('pins, confines and watches every container, keeps secrets in files, and opens nothing but one port of loopback', () => {
    expect(judgeCompose(compose)).toEqual([]);
    const open = Object.entries(compose.services).filter(([, { ports }]) => ports?.length);
    expect(open.map(([name, { ports }]) => [name, ports])).toEqual([['gateway', ['127.0.0.1:8080:8080']]]);
  });

  it('S1: takes a broker without known holes, and lets no agent and no gateway near the event store', () => {
    const [, minor = 0, patch = 0] =
      /nats:2\.(\d+)\.(\d+)/.exec(compose.services.nats?.image ?? '')?.map(Number) ?? [];
    expect((minor === 12 && patch >= 12) || (minor === 14 && patch >= 3) || minor > 14).toBe(true);
    const near = Object.entries(compose.services).filter(([, { networks }]) => networks?.includes('events'));
    expect(near.map(([name]) => name).sort()).toEqual(
      ['analytics', 'bootstrap', 'kurrentdb', 'notify', 'policy', 'registry'].sort(),
    );
    expect(compose.networks.events?.internal).toBe(true);
    expect(compose.networks.databases?.internal).toBe(true);
  });

  it('never evicts from Redis, and writes there to an append-only file', () => {
    const command = compose.services.redis?.command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });
});

describe('deploy/docker/outside-agents.yml', () => {
  const outside = readCompose(join(ROOT, 'deploy/docker/outside-agents.yml'), {
    KEYFLEET_HOST: 'fleet.example.com',
  });

  it('opens the broker and the gateway over HTTPS, for one name, and nothing else', () => {
    const open = Object.entries(outside.services).filter(([, { ports }]) => ports?.length);
    expect(open.map(([name, { ports }]) => [name, ports])).toEqual([
      ['nats', ['0.0.0.0:4222:4222']],
      ['gateway', ['0.0.0.0:443:8080']],
    ]);
    expect(Object.keys(outside.services).every((name) => name in compose.services)).toBe(true);
    expect(outside.services.registry?.environment?.KEYFLEET_NATS__AGENT_URLS).toBe(
      'tls://fleet.example.com:4222',
    );
  });

  it('gives the authority all it is given without it, and the name', () => {
    const base = compose.services.authority?.command ?? [];
    const command = outside.services.authority?.command ?? [];
    expect(command.filter((word) => !base.includes(word))).toEqual([
      '--nats-name=fleet.example.com',
      '--gateway-name=fleet.example.com',
    ]);
    expect(base.filter((word) => !command.includes(word))).toEqual([]);
  });
});

/** What the judge must not let through: a change to one service, and a word of its complaint. */
const PLANTED: readonly [string, keyof ComposeFile['services'] & string, Partial<ComposeService>, RegExp][] =
  [
    ['a floating image', 'nats', { image: 'nats:latest' }, /not pinned/],
    ['an image by its major version', 'postgres', { image: 'postgres:18' }, /not pinned/],
    ['root', 'redis', { user: 'root' }, /may run as root/],
    ['uid 0', 'gateway', { user: '0:10001' }, /may run as root/],
    ['a writable root', 'registry', { read_only: false }, /can be written to/],
    ['capabilities', 'policy', { cap_drop: [] }, /keeps capabilities/],
    ['new privileges', 'notify', { security_opt: [] }, /gain privileges/],
    ['no healthcheck', 'analytics', { healthcheck: {} }, /no healthcheck/],
    [
      'a password in the environment',
      'postgres',
      { environment: { POSTGRES_PASSWORD: 'hunter2' } },
      /holds a secret/,
    ],
    [
      'an address with a password',
      'policy',
      { environment: { KEYFLEET_REDIS__URL: 'redis://:hunter2@redis:6379' } },
      /holds a secret/,
    ],
    [
      'a password in a command line',
      'redis',
      { command: ['redis-server', '--requirepass', 'hunter2'] },
      /command line/,
    ],
    ['a port open to the world', 'gateway', { ports: ['8080:8080'] }, /open to other machines/],
    ['a port of a server', 'postgres', { ports: ['0.0.0.0:5432:5432'] }, /open to other machines/],
    [
      'waiting for a start only',
      'policy',
      { depends_on: { nats: { condition: 'service_started' } } },
      /does not wait/,
    ],
    ['a volume that is missing', 'notify', { volumes: [] }, /in none of its volumes/],
    ['a volume nobody declared', 'notify', { volumes: ['elsewhere:/var/lib/keyfleet'] }, /not declared/],
    ['a server on another network', 'registry', { networks: ['databases'] }, /cannot reach nats/],
  ];

it.each(PLANTED)('planted in the compose file, %s is found', (_, name, change, complaint) => {
  const services = { ...compose.services, [name]: { ...compose.services[name], ...change } };
  const faults = judgeCompose({ ...compose, services });
  expect(faults).toEqual(expect.arrayContaining([expect.stringMatching(complaint)]));
});

describe('the Dockerfile', () => {
  it('has a build stage and a slim runtime stage that ends as nobody in particular, and says when it is healthy', () => {
    expect(judgeDockerfile(dockerfile)).toEqual([]);
    expect(dockerfile.args.NODE_IMAGE).toMatch(/^node:24\./);
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['no USER', (text) => text.replace('USER 10001:10001', ''), /numbered user/],
    ['root as its user', (text) => text.replace('USER 10001:10001', 'USER root'), /numbered user/],
    ['a floating base', (text) => text.replace(/node:24[^\n]*/, 'node:24-slim'), /not pinned/],
    ['no HEALTHCHECK', (text) => text.replace(/HEALTHCHECK.*/, ''), /no HEALTHCHECK/],
    ['the whole context in the image', (text) => `${text}\nCOPY . /everything`, /elsewhere/],
    ['one stage', (text) => text.replace(/[\s\S]*?(?=FROM \S+ AS runtime)/, ''), /one stage/],
  ])('planted in the Dockerfile, %s is found', (_, plant, complaint) => {
    const planted: Dockerfile = parseDockerfile(plant(dockerfileText));
    expect(judgeDockerfile(planted)).toEqual(expect.arrayContaining([expect.stringMatching(complaint)]));
  });
});
