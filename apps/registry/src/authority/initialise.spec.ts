import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findServer } from '@keyfleet/embedded';
import { parseCredentials, readAccountClaims, SERVICES } from '@keyfleet/messaging';
import { TestClock, temporaryDirectory } from '@keyfleet/testing';
import { renderExternalConfig } from './external-config.js';
import { readAuthorityKeys } from './files.js';
import { initialise } from './initialise.js';

jest.setTimeout(60_000);

const DAY = 86_400_000;

function filesOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]),
  );
}

describe('init', () => {
  let pristine: string;
  let directory: string;
  let clock: TestClock;
  const run = (options: Partial<Parameters<typeof initialise>[0]> = {}) =>
    initialise({ directory, clock, natsPort: 4222, ...options });
  const configErrors = async (file: string) => {
    const { path } = await findServer('nats-server', {});
    const { stderr, status } = spawnSync(path, ['-t', '-c', file], { encoding: 'utf8' });
    return status === 0 ? '' : stderr;
  };

  beforeAll(async () => {
    pristine = temporaryDirectory('pristine');
    await initialise({ directory: pristine, clock: new TestClock(Date.now()), natsPort: 4222 });
  });

  beforeEach(() => {
    clock = new TestClock(Date.now());
    directory = temporaryDirectory('installation');
    rmSync(directory, { recursive: true });
    cpSync(pristine, directory, { recursive: true });
  });

  it('makes what services, broker and authority need, readable by the owner alone', () => {
    for (const service of SERVICES)
      for (const file of ['nats.creds', 'tls.crt', 'tls.key', 'ca.crt'])
        expect(existsSync(join(directory, 'services', service, file))).toBe(true);
    for (const name of Object.keys(filesOf(directory)))
      expect(statSync(join(pristine, name)).mode & 0o077).toBe(0);
    for (const folder of ['authority', 'authority/root', 'services', 'nats', 'nats/claims'])
      expect(statSync(join(pristine, folder)).mode & 0o077).toBe(0);
  });

  it('run again, it changes nothing', async () => {
    const before = filesOf(pristine);
    await initialise({ directory: pristine, clock, natsPort: 4222 });
    expect(filesOf(pristine)).toEqual(before);
  });

  it('S4: what a broker starts with knows the services’ signing key and not the agents’', () => {
    const { installation } = readAuthorityKeys(join(directory, 'authority'));
    const claims = readAccountClaims(installation.preload[installation.account] ?? '');
    expect(claims.signers).toHaveLength(1);
    expect(claims.revocations).toEqual({});
    const config = readFileSync(join(directory, 'nats', 'nats-server.conf'), 'utf8');
    expect(config).toContain(installation.preload[installation.account]);
  });

  it('S1: the broker accepts its configuration as written', async () => {
    await initialise({ directory: pristine, clock, natsPort: 4222 });
    expect(await configErrors(join(pristine, 'nats', 'nats-server.conf'))).toBe('');
  });

  it('another port changes the configuration and nothing else', async () => {
    await run();
    const before = filesOf(directory);
    await run({ natsPort: 4333 });
    const after = filesOf(directory);
    expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual([
      'nats/nats-server.conf',
    ]);
    expect(after['nats/nats-server.conf']).toContain('127.0.0.1:4333');
  });

  it('certificates that near their end, or lack a name, are issued anew by the same authority', async () => {
    await run();
    const before = filesOf(directory);
    clock.advance(200 * DAY);
    await run();
    expect(filesOf(directory)).toEqual(before);
    clock.advance(60 * DAY);
    await run();
    const after = filesOf(directory);
    for (const name of ['nats/server.crt', 'services/gateway/tls.crt', 'authority/system.crt']) {
      expect(after[name]).not.toBe(before[name]);
      const certificate = new X509Certificate(after[name] ?? '');
      expect(certificate.verify(new X509Certificate(before['authority/ca.crt'] ?? '').publicKey)).toBe(true);
      expect(certificate.validToDate.getTime()).toBeGreaterThan(clock.now() + 300 * DAY);
      const key = after[name.replace('.crt', '.key')] ?? '';
      expect(certificate.checkPrivateKey((await import('node:crypto')).createPrivateKey(key))).toBe(true);
    }
    for (const name of ['authority/ca.key', 'authority/agents.nk', 'services/gateway/nats.creds'])
      expect(after[name]).toBe(before[name]);
    await run({ natsNames: ['nats.example.com', '10.1.2.3'] });
    const named = new X509Certificate(readFileSync(join(directory, 'nats', 'server.crt')));
    expect(named.checkHost('nats.example.com')).toBe('nats.example.com');
    expect(named.checkIP('10.1.2.3')).toBe('10.1.2.3');
  });

  it('a gateway that has a name shows a certificate for it and the authority that enrolment tokens pin', async () => {
    expect(existsSync(join(directory, 'services/gateway/http.crt'))).toBe(false);
    await run({ gatewayNames: ['fleet.example.com', '192.0.2.7'] });
    const shown = readFileSync(join(directory, 'services/gateway/http.crt'), 'utf8');
    const own = new X509Certificate(shown);
    expect([own.checkHost('fleet.example.com'), own.checkIP('192.0.2.7')]).toEqual([
      'fleet.example.com',
      '192.0.2.7',
    ]);
    expect(shown).toContain(readAuthorityKeys(join(directory, 'authority')).ca.certificate);
    await run({ gatewayNames: ['fleet.example.com', '192.0.2.7'] });
    expect(readFileSync(join(directory, 'services/gateway/http.crt'), 'utf8')).toBe(shown);
  });

  it('credentials that were lost come back with a new key, others keep theirs', async () => {
    const before = filesOf(directory);
    rmSync(join(directory, 'services', 'policy', 'nats.creds'));
    await run();
    const after = filesOf(directory);
    const file = 'services/policy/nats.creds';
    expect(parseCredentials(after[file] ?? '').seed).not.toBe(parseCredentials(before[file] ?? '').seed);
    expect(after['services/notify/nats.creds']).toBe(before['services/notify/nats.creds']);
  });

  it('the root keys may be moved away after the first start', async () => {
    await run();
    rmSync(join(directory, 'authority', 'root'), { recursive: true });
    const before = filesOf(directory);
    clock.advance(300 * DAY);
    await run();
    expect(filesOf(directory)['authority/system.creds']).toBe(before['authority/system.creds']);
    expect(existsSync(join(directory, 'authority', 'root'))).toBe(false);
  });

  it('a second authority is believed everywhere while one is replaced', async () => {
    const other = temporaryDirectory('other');
    await initialise({ directory: other, clock, natsPort: 4222 });
    const certificate = readFileSync(join(other, 'authority', 'ca.crt'), 'utf8');
    writeFileSync(join(directory, 'authority', 'ca.other.crt'), certificate);
    await run();
    const { ca } = readAuthorityKeys(join(directory, 'authority'));
    for (const file of ['nats/ca.crt', 'services/registry/ca.crt']) {
      const bundle = readFileSync(join(directory, file), 'utf8');
      expect(bundle).toContain(ca.certificate);
      expect(bundle).toContain(certificate.trim());
    }
  });

  it('an installation that was interrupted before it was whole begins again', async () => {
    rmSync(join(directory, 'authority', 'installation.json'));
    rmSync(join(directory, 'authority', 'ca.key'));
    await run();
    expect(filesOf(directory)['authority/ca.key']).toContain('PRIVATE KEY');
    const { ca } = readAuthorityKeys(join(directory, 'authority'));
    const server = new X509Certificate(readFileSync(join(directory, 'nats', 'server.crt')));
    expect(server.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
  });

  it('what an external NATS must load has the same walls, and no secret', async () => {
    const text = renderExternalConfig(join(directory, 'authority'), { port: 4555 });
    expect(text).toContain('listen: "0.0.0.0:4555"');
    expect(text).toContain('verify: true');
    for (const content of Object.entries(filesOf(join(directory, 'authority'))))
      if (/\.(nk|key)$/.test(content[0])) expect(text).not.toContain(content[1].trim());
    const local = text
      .replaceAll('/etc/nats/keyfleet', join(directory, 'nats'))
      .replace('/var/lib/nats/keyfleet-claims', join(directory, 'nats', 'claims'));
    const file = join(directory, 'external.conf');
    writeFileSync(file, local);
    expect(await configErrors(file)).toBe('');
  });
});
