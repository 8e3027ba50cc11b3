import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open, secret } from '@keyfleet/contracts';
import { temporaryDirectory } from '@keyfleet/testing';
import { z } from 'zod';
import { describeConfig } from './describe.js';
import { ConfigError, loadConfig } from './load.js';

const schema = z.strictObject({
  http: z.strictObject({
    port: z.int().min(0).max(65_535).default(8080),
    host: open(z.string().default('127.0.0.1')),
    trustProxy: z.boolean().default(false),
  }),
  database: z.strictObject({ storeUrl: z.url(), poolSize: z.int().default(10) }),
  nats: z.strictObject({ credentialsFile: z.string().optional() }),
  admin: z.strictObject({ password: secret(z.string().optional()) }),
  origins: z.array(z.string()).default([]),
  mail: z.strictObject({ host: z.string() }).optional(),
});

const REQUIRED = { KEYFLEET_DATABASE__STORE_URL: 'postgres://kf_store:hunter2@db:5432/keyfleet?x=y' };

function file(text: string): string {
  const path = join(temporaryDirectory('config'), 'registry.yaml');
  writeFileSync(path, text);
  return path;
}

function problemsOf(sources: Parameters<typeof loadConfig>[1]): ConfigError {
  try {
    loadConfig(schema, { argv: [], env: {}, ...sources });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

describe('the configuration', () => {
  it('takes each setting from the flag, else the environment, else the file, else its default', () => {
    const path = file('http:\n  port: 1\n  host: file\n  trustProxy: true\ndatabase:\n  poolSize: 3\n');
    const loaded = loadConfig(schema, {
      argv: ['--http.port', '3', '--origins=a,b'],
      env: { ...REQUIRED, KEYFLEET_HTTP__PORT: '2', KEYFLEET_HTTP__HOST: 'env', KEYFLEET_CONFIG: path },
    });
    expect(loaded.value).toMatchObject({
      http: { port: 3, host: 'env', trustProxy: true },
      database: { poolSize: 3 },
      origins: ['a', 'b'],
    });
    expect(loaded.value.mail).toBeUndefined();
    expect(loaded.origins['http.port']).toEqual({ kind: 'flag', name: '--http.port' });
    expect(loaded.origins['http.host']).toEqual({ kind: 'env', name: 'KEYFLEET_HTTP__HOST' });
    expect(loaded.origins['database.poolSize']).toEqual({ kind: 'file', file: path, line: 6 });
    expect(loaded.origins['admin.password']).toEqual({ kind: 'default' });
  });

  it('reads a mounted secret through the _FILE variant, without its last line end, and keeps settings that end in File', () => {
    const password = file(' p w \n');
    const { value } = loadConfig(schema, {
      argv: [],
      env: {
        ...REQUIRED,
        KEYFLEET_ADMIN__PASSWORD_FILE: password,
        KEYFLEET_NATS__CREDENTIALS_FILE: '/run/creds',
      },
    });
    expect(value.admin.password).toBe(' p w ');
    expect(value.nats.credentialsFile).toBe('/run/creds');
  });

  it('lists everything that is wrong at once, with place and suggestion, and never with a value', () => {
    const path = file('http:\n  prot: 1\n  port: hunter3\ndatabase: hunter4\n');
    const error = problemsOf({
      argv: ['--http.hsot', 'x'],
      env: { KEYFLEET_DATABASE__STORE_ULR: 'hunter2', KEYFLEET_DATABASE__POOL_SIZE: 'hunter2' },
      file: path,
    });
    expect(error.message).not.toContain('hunter');
    const seen = error.problems.map(({ path: at, origin, message }) => [at, origin, message]);
    expect(seen).toEqual(
      expect.arrayContaining([
        [
          'http.prot',
          { kind: 'file', file: path, line: 2 },
          'There is no such setting. Did you mean "port"?',
        ],
        ['http.port', { kind: 'file', file: path, line: 3 }, expect.stringContaining('expected number')],
        ['database', { kind: 'file', file: path, line: 4 }, 'A section with settings belongs here.'],
        ['--http.hsot', { kind: 'flag', name: '--http.hsot' }, expect.stringContaining('"--http.host"')],
        [
          'KEYFLEET_DATABASE__STORE_ULR',
          { kind: 'env', name: 'KEYFLEET_DATABASE__STORE_ULR' },
          expect.stringContaining('"KEYFLEET_DATABASE__STORE_URL"'),
        ],
        [
          'database.poolSize',
          { kind: 'env', name: 'KEYFLEET_DATABASE__POOL_SIZE' },
          expect.stringContaining('expected number'),
        ],
        [
          'database.storeUrl',
          { kind: 'default' },
          expect.stringContaining('Set KEYFLEET_DATABASE__STORE_URL, or "database.storeUrl" in the file.'),
        ],
      ]),
    );
  });

  it('does not quote a broken file, for the line may hold a secret', () => {
    const error = problemsOf({ file: file('admin: {password: "hunter2\n') });
    expect(error.message).toMatch(/not valid YAML/);
    expect(error.message).not.toContain('hunter2');
  });

  it('refuses a secret on the command line, both forms of one variable, and a secret file that is not there', () => {
    expect(problemsOf({ argv: ['--admin.password', 'hunter2'], env: REQUIRED }).message).toMatch(
      /KEYFLEET_ADMIN__PASSWORD_FILE/,
    );
    const twice = {
      ...REQUIRED,
      KEYFLEET_ADMIN__PASSWORD: 'a',
      KEYFLEET_ADMIN__PASSWORD_FILE: '/nonexistent',
    };
    expect(problemsOf({ env: twice }).message).toMatch(/KEYFLEET_ADMIN__PASSWORD is set as well/);
    const gone = { ...REQUIRED, KEYFLEET_ADMIN__PASSWORD_FILE: '/nonexistent' };
    expect(problemsOf({ env: gone }).message).toMatch(/cannot be read \(ENOENT\)/);
  });

  it('overlooks what Kubernetes and the tests put into the environment', () => {
    const env = {
      ...REQUIRED,
      KEYFLEET_GATEWAY_SERVICE_HOST: '10.0.0.1',
      KEYFLEET_GATEWAY_PORT_4000_TCP_ADDR: '10.0.0.1',
      KEYFLEET_TEST_RUN: '/tmp/x',
    };
    expect(loadConfig(schema, { argv: [], env }).value.http.port).toBe(8080);
  });

  it('makes an optional section of any one setting in it', () => {
    const { value } = loadConfig(schema, { argv: [], env: { ...REQUIRED, KEYFLEET_MAIL__HOST: 'smtp' } });
    expect(value.mail).toEqual({ host: 'smtp' });
  });

  it('takes switches without a value and their negation', () => {
    const on = loadConfig(schema, { argv: ['--http.trust-proxy'], env: REQUIRED });
    const off = loadConfig(schema, {
      argv: ['--no-http.trustProxy'],
      env: { ...REQUIRED, KEYFLEET_HTTP__TRUST_PROXY: '1' },
    });
    expect([on.value.http.trustProxy, off.value.http.trustProxy]).toEqual([true, false]);
  });

  it('is shown with origins, and with everything hidden that is not marked public', () => {
    const env = { ...REQUIRED, KEYFLEET_ADMIN__PASSWORD: 'hunter2', KEYFLEET_HTTP__HOST: 'here' };
    const shown = describeConfig(schema, loadConfig(schema, { argv: [], env }));
    expect(shown.split('\n')).toEqual(
      expect.arrayContaining([
        'http.port = 8080  # default',
        'http.host = "here"  # KEYFLEET_HTTP__HOST',
        'database.storeUrl = "postgres://***@db:5432/keyfleet"  # KEYFLEET_DATABASE__STORE_URL',
        'admin.password = [redacted]  # KEYFLEET_ADMIN__PASSWORD',
        'nats.credentialsFile = (unset)  # default',
      ]),
    );
    expect(shown).not.toContain('hunter2');
  });

  it('refuses failpoints in production before anything else', () => {
    const env = { ...REQUIRED, NODE_ENV: 'production', KEYFLEET_FAILPOINTS: '{"a":"kill"}' };
    expect(() => loadConfig(schema, { argv: [], env })).toThrow(/failpoints are for proofs only/);
  });
});
