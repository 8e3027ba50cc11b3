import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  agentStatus,
  problem,
  secretMetadata,
  secretValue,
  secretVersionMetadata,
} from '@keyfleet/contracts/http';
import { createLogger, createMetrics, systemClock } from '@keyfleet/platform';
import { type RunningAgent, startAgent } from '../agent.js';
import { manageKeys } from '../cli/keys.js';
import { agentConfig } from '../config.js';
import { type Answer, ApiClient } from './client.contract.js';

let directory: string;
let agent: RunningAgent;
let api: ApiClient;
const log: string[] = [];

async function start(): Promise<void> {
  const config = agentConfig.parse({ agent: { directory, name: 'site-7' } });
  const destination = { write: (line: string) => void log.push(line) };
  const logger = createLogger({ service: 'agent', version: '0.1.0', destination });
  const metrics = createMetrics({ service: 'agent', version: '0.1.0', runtime: false });
  agent = await startAgent({ config, version: '0.1.0', clock: systemClock, logger, metrics });
  api = new ApiClient(directory, agent.url);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-api-'));
  await start();
});
afterAll(async () => {
  api.close();
  await agent.close();
  rmSync(directory, { recursive: true });
});

async function keyFor(...args: string[]): Promise<string> {
  const out = join(directory, `${Math.random()}.key`);
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const code = await manageKeys(['add', '--out', out, ...args], {
    env: { KEYFLEET_AGENT__DIRECTORY: directory },
    out: say,
    err: say,
  });
  if (code !== 0) throw new Error(said.join(''));
  expect(statSync(out).mode & 0o777).toBe(0o600);
  return readFileSync(out, 'utf8').trim();
}

function refused(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body?.code]).toEqual([status, code]);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  problem.parse(answer.body);
  expect(answer.text).not.toMatch(/node_modules|\.ts|\.js|    at /);
}

describe('secrets over the API', () => {
  it('are made, read, changed, listed, rolled back, rotated and deleted', async () => {
    const created = await api.put('team/db', 'first', { body: { tags: { env: 'prod' } } });
    expect(created.status).toBe(201);
    expect(created.headers['etag']).toBe('"1"');
    expect(secretMetadata.strict().parse(created.body)).toMatchObject({
      path: 'team/db',
      version: 1,
      tags: { env: 'prod' },
    });
    const changed = await api.put('team/db', 'second');
    expect([changed.status, changed.body.version]).toEqual([200, 2]);

    const value = await api.get('/secrets/team/db/value');
    expect(value.headers['cache-control']).toBe('no-store');
    const base64 = Buffer.from('second').toString('base64');
    expect(secretValue.strict().parse(value.body)).toEqual({ path: 'team/db', version: 2, value: base64 });
    const first = await api.get('/secrets/team%2Fdb/value?version=1');
    expect(Buffer.from(first.body.value, 'base64').toString()).toBe('first');
    const metadata = await api.get('/secrets/team/db');
    expect(metadata.body).toEqual(changed.body);
    expect(metadata.text).not.toContain(base64);

    const rolled = await api.post('/secrets/team/db/rollback', { body: { version: 1 } });
    expect([rolled.status, rolled.body.version]).toEqual([200, 3]);
    const rotated = await api.post('/secrets/team/db/rotate');
    expect([rotated.status, rotated.body.version, rotated.body.size]).toEqual([200, 4, 32]);
    const hex = await api.post('/secrets/team/db/rotate', { body: { length: 12, alphabet: 'hex' } });
    const generated = await api.get('/secrets/team/db/value');
    expect(hex.body.version).toBe(5);
    expect(Buffer.from(generated.body.value, 'base64').toString()).toMatch(/^[0-9a-f]{12}$/);

    const versions = await api.get('/secrets/team/db/versions?limit=2');
    const items = versions.body.items.map((item: object) => secretVersionMetadata.strict().parse(item));
    expect(items.map(({ version, state }: { version: number; state: string }) => [version, state])).toEqual([
      [5, 'current'],
      [4, 'superseded'],
    ]);
    const more = await api.get(`/secrets/team/db/versions?limit=2&cursor=${versions.body.nextCursor}`);
    expect(more.body.items.map(({ version }: { version: number }) => version)).toEqual([3, 2]);

    expect((await api.delete('/secrets/team/db')).status).toBe(204);
    refused(await api.get('/secrets/team/db'), 404, 'secret.not-found');
  });

  it('are listed page by page, by prefix', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.put(`list/${name}`, name);
    await api.put('listing', 'x');
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await api.get(`/secrets?prefix=list/&limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.body.items.map((item: { path: string }) => secretMetadata.strict().parse(item).path));
      cursor = page.body.nextCursor ?? '';
    } while (cursor);
    expect(seen).toEqual(['list/a', 'list/b', 'list/c', 'list/d', 'list/e']);
    const exact = await api.get('/secrets?prefix=list/&limit=5');
    expect([exact.body.items.length, exact.body.nextCursor]).toEqual([5, null]);
    refused(await api.get('/secrets?cursor=Li4v'), 400, 'cursor.invalid');
    refused(await api.get('/secrets?limit=500'), 400, 'request.invalid');
    refused(await api.get('/secrets?colour=red'), 400, 'request.invalid');
  });

  it('are changed only from the version named by If-Match or expectedVersion', async () => {
    const ifNew = { headers: { 'if-none-match': '*' } };
    expect((await api.put('match', 'one', ifNew)).status).toBe(201);
    refused(await api.put('match', 'two', ifNew), 412, 'secret.version-mismatch');
    refused(
      await api.put('match', 'two', { headers: { 'if-match': '"2"' } }),
      412,
      'secret.version-mismatch',
    );
    refused(await api.put('match', 'two', { body: { expectedVersion: 7 } }), 412, 'secret.version-mismatch');
    refused(await api.put('match', 'two', { headers: { 'if-match': 'two' } }), 400, 'request.invalid');
    expect((await api.put('match', 'two', { headers: { 'if-match': 'W/"1"' } })).body.version).toBe(2);
    refused(
      await api.delete('/secrets/match', { headers: { 'if-match': '"1"' } }),
      412,
      'secret.version-mismatch',
    );
    expect((await api.delete('/secrets/match', { headers: { 'if-match': '"2"' } })).status).toBe(204);
  });

  it('may be of any bytes up to 1 MiB', async () => {
    const largest = Buffer.alloc(1024 * 1024, 0xfe);
    const put = await api.ask('PUT', '/secrets/large', { body: { value: largest.toString('base64') } });
    expect(put.status).toBe(201);
    const { body } = await api.get('/secrets/large/value');
    expect(Buffer.from(body.value, 'base64').equals(largest)).toBe(true);
    const larger = Buffer.alloc(1024 * 1024 + 1).toString('base64');
    refused(await api.ask('PUT', '/secrets/larger', { body: { value: larger } }), 413, 'secret.too-large');
    const huge = Buffer.alloc(1_700_000, 0x41);
    refused(await api.ask('PUT', '/secrets/larger', { body: huge }), 413, 'request.too-large');
    const rollback = { body: { version: 1, padding: 'x'.repeat(70_000) } };
    refused(await api.post('/secrets/large/rollback', rollback), 413, 'request.too-large');
    expect((await api.put('empty', '')).body.size).toBe(0);
  });

  it('have names of one grammar, none of which an address could mean twice', async () => {
    const bad = [
      'a//b',
      'a/../b',
      '..%2Fa',
      'a%00b',
      'a/b/c/d/e/f/g/h/i',
      '%C3%A4',
      'a%20b',
      'a'.repeat(300),
      'a/.',
      '%252e',
      'a%5Cb',
    ];
    for (const path of bad) {
      const answer = await api.put(path, 'x');
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    }
    refused(await api.put('a b'.replace(' ', '%20'), 'x'), 400, 'request.invalid');
    for (const last of ['value', 'versions', 'rotate', 'rollback'])
      refused(await api.put(`team/${last}`, 'x'), 400, 'request.invalid');
  });
});

describe('what does not fit', () => {
  it('is refused with a pointer to what is wrong, and nothing of a value', async () => {
    const canary = 'c2VjcmV0LWNhbmFyeQ';
    const cases: [unknown, string, string][] = [
      [{ value: `${canary}!` }, 'request.invalid', '/value'],
      [{ value: 7 }, 'request.invalid', '/value'],
      [{ value: 'YQ==', colour: 'red' }, 'request.invalid', ''],
      [{ value: 'YQ==', tags: { ENV: 'x' } }, 'request.invalid', '/tags/ENV'],
      [{ value: 'YQ==', expectedVersion: -1 }, 'request.invalid', '/expectedVersion'],
    ];
    for (const [body, code, pointer] of cases) {
      const answer = await api.ask('PUT', '/secrets/bad', { body });
      refused(answer, 400, code);
      expect(answer.body.errors[0].pointer).toBe(pointer);
      expect(answer.text).not.toContain(canary);
    }
    refused(await api.ask('PUT', '/secrets/bad', { body: '{"value":"YQ=="' }), 400, 'request.malformed');
    const form = { body: 'value=YQ==', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    refused(await api.ask('PUT', '/secrets/bad', form), 400, 'request.malformed');
    refused(await api.ask('PUT', '/secrets/bad'), 400, 'request.invalid');
    refused(await api.post('/secrets/empty/rotate', { body: { length: 4 } }), 400, 'request.invalid');
    refused(await api.get('/secrets/empty/value?version=0'), 400, 'request.invalid');
    refused(await api.get('/secrets/empty/value?version=99'), 404, 'secret.version-not-found');
  });

  it('S12: finds no way past the routes there are', async () => {
    await api.put('guarded/db', 'value-of-guarded');
    const ways = ['/secrets/guarded/db/value', '/secrets', '/audit', '/status'];
    for (const way of ways) {
      for (const path of [
        way,
        `${way}/`,
        `/${way}`,
        way.toUpperCase(),
        `${way};x`,
        `${way}%2f`,
        `/x/..${way}`,
        `${way}?a=..;`,
      ]) {
        for (const method of ['GET', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'POST']) {
          const answer = await api.ask(method, path, { key: null });
          expect([method, path, answer.status >= 400]).toEqual([method, path, true]);
          expect(answer.text).not.toContain(Buffer.from('value-of-guarded').toString('base64'));
        }
      }
    }
    refused(await api.get('//api/v2/status'), 404, 'request.unknown-operation');
    refused(await api.post('/secrets/guarded/db'), 404, 'request.unknown-operation');
    refused(await api.post('/backups'), 404, 'request.unknown-operation');
  });
});

describe('API keys', () => {
  it('are needed, known, unexpired, and of a form', async () => {
    const good = readFileSync(join(directory, 'admin.key'), 'utf8').trim();
    for (const key of [null, 'x', `${good}x`, `kfa_${'A'.repeat(43)}`, good.slice(0, -1), good.toUpperCase()])
      refused(await api.get('/secrets/empty/value', { key }), 401, 'auth.required');
    const basic = { key: null, headers: { authorization: `Basic ${Buffer.from(good).toString('base64')}` } };
    const answer = await api.get('/status', basic);
    refused(answer, 401, 'auth.required');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    const past = await keyFor(
      '--principal',
      'app:old',
      '--grant',
      ':*',
      '--expires',
      '2020-01-01T00:00:00.000Z',
    );
    refused(await api.get('/status', { key: past }), 401, 'auth.required');
  });

  it('are made on the machine while the agent runs, carry grants, and end when removed', async () => {
    await api.put('billing/db', 'x');
    await api.put('payroll/db', 'y');
    const key = await keyFor(
      '--principal',
      'app:billing',
      '--group',
      'payments',
      '--grant',
      'billing:read,list',
    );
    expect((await api.get('/secrets/billing/db/value', { key })).status).toBe(200);
    refused(await api.get('/secrets/payroll/db/value', { key }), 403, 'auth.forbidden');
    refused(await api.get('/secrets/payroll/none/value', { key }), 403, 'auth.forbidden');
    refused(await api.put('billing/db', 'z', { key }), 403, 'auth.forbidden');
    refused(await api.get('/audit', { key }), 403, 'auth.forbidden');
    refused(await api.get('/status', { key }), 403, 'auth.forbidden');
    refused(await api.post('/keys/rotate', { key }), 403, 'auth.forbidden');
    const listed = await api.get('/secrets?prefix=', { key });
    expect(listed.body.items.map(({ path }: { path: string }) => path)).toEqual(['billing/db']);

    const said: string[] = [];
    const line = {
      env: {},
      out: (text: string) => void said.push(text),
      err: (text: string) => void said.push(text),
    };
    expect(await manageKeys(['list', '--directory', directory], line)).toBe(0);
    const [id = ''] = said.find((text) => text.includes('app:billing'))?.split('\t') ?? [];
    expect(said.join('')).not.toContain('kfa_');
    expect(await manageKeys(['remove', '--directory', directory, '--id', id], line)).toBe(0);
    expect(await manageKeys(['remove', '--directory', directory, '--id', id], line)).toBe(5);
    refused(await api.get('/secrets/billing/db/value', { key }), 401, 'auth.required');
  });

  it('say what is wrong with a command about them, and make nothing then', async () => {
    const said: string[] = [];
    const line = {
      env: { KEYFLEET_AGENT__DIRECTORY: directory },
      out: (text: string) => void said.push(text),
      err: (text: string) => void said.push(text),
    };
    const taken = join(directory, 'taken.key');
    writeFileSync(taken, 'keep');
    for (const args of [
      [],
      ['add'],
      ['burn'],
      ['add', '--principal', 'app:x', '--grant', 'a:fly', '--out', join(directory, 'n.key')],
      ['add', '--principal', 'not a name', '--grant', 'a:read', '--out', join(directory, 'n.key')],
      ['add', '--principal', 'app:x', '--grant', 'a:read', '--out', taken],
      ['list', '--colour'],
      ['list', '--directory', join(directory, 'nowhere')],
    ])
      expect(await manageKeys(args, line)).toBe(1);
    expect(readFileSync(taken, 'utf8')).toBe('keep');
    expect(said.every((text) => text.includes('Usage:'))).toBe(true);
  });
});

describe('the vault as a whole', () => {
  it('tells its status in the shape of the contract', async () => {
    const { body } = await api.get('/status');
    expect(agentStatus.strict().parse(body)).toMatchObject({
      name: 'site-7',
      agentId: null,
      link: { state: 'unenrolled' },
      storage: 'ok',
      seal: 'unsealed',
      journal: { epoch: 0, seq: 0, acknowledged: 0 },
    });
  });

  it('answers who did what, with filters, page by page', async () => {
    await api.put('audited/db', 'x');
    await api.get('/secrets/audited/db/value', { headers: { 'user-agent': 'audit-test/1.0 (x)' } });
    await api.get('/secrets/audited/db/value', { key: null });
    const lines = async (query: string) => (await api.get(`/audit?path=audited/db&${query}`)).body.items;
    const all = (await lines('')) as { action: string; outcome: string }[];
    expect(all.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['read', 'denied'],
      ['read', 'allowed'],
      ['create', 'allowed'],
    ]);
    expect(await lines('outcome=allowed&action=read')).toMatchObject([
      {
        principal: 'local:root',
        client: 'audit-test/1.0',
        address: '127.0.0.1',
        path: 'audited/db',
        version: 1,
      },
    ]);
    expect(await lines('principal=anonymous')).toHaveLength(1);
    expect(await lines('from=2999-01-01T00:00:00Z')).toEqual([]);
    const first = await api.get('/audit?path=audited&action=read&limit=1');
    const next = await api.get(`/audit?path=audited&action=read&limit=1&cursor=${first.body.nextCursor}`);
    expect([...first.body.items, ...next.body.items].map(({ outcome }) => outcome)).toEqual([
      'denied',
      'allowed',
    ]);
    expect(next.body.nextCursor).toBeNull();
    expect(await lines('action=audit')).not.toEqual([]);
    const key = await keyFor('--principal', 'sec:audit', '--grant', 'audited:audit');
    expect((await api.get('/audit?path=audited/db&action=read', { key })).body.items).toHaveLength(2);
    refused(await api.get('/audit?path=billing', { key }), 403, 'auth.forbidden');
    refused(await api.get('/audit', { key: null }), 401, 'auth.required');
    refused(await api.get('/audit?action=fly'), 400, 'request.invalid');
  });

  it('rotates its data key and reads on', async () => {
    await api.put('rotated/db', 'kept');
    const { status, body } = await api.post('/keys/rotate');
    expect([status, body]).toEqual([202, { keyVersion: 2 }]);
    const value = await api.get('/secrets/rotated/db/value');
    expect(Buffer.from(value.body.value, 'base64').toString()).toBe('kept');
  });

  it('keeps the caller’s trace, where it is one', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traced = (traceparent: string) => api.get('/secrets/none', { headers: { traceparent } });
    expect((await traced(`00-${traceId}-b7ad6b7169203331-01`)).body.traceId).toBe(traceId);
    expect((await traced('00-hello-world-01')).body.traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the connection', () => {
  it('is TLS 1.3 or none, with a certificate of the agent’s own authority', async () => {
    await expect(api.get('/status', { tls: { maxVersion: 'TLSv1.2' } })).rejects.toThrow();
    await expect(api.get('/status', { tls: { ca: [] } })).rejects.toThrow(/self-signed|unable to/);
    expect((await api.get('/status', { tls: { servername: 'site-7' } })).status).toBe(200);
    await expect(api.get('/status', { tls: { servername: 'elsewhere' } })).rejects.toThrow(/altnames/);
  });

  it('has health and metrics on another port, which tell nothing of names', async () => {
    await api.put('metric-canary/db', 'x');
    const ready = await fetch(`${agent.operations.url}/readyz`);
    expect(ready.status).toBe(200);
    expect((await fetch(`${agent.operations.url}/livez`)).status).toBe(200);
    const metrics = await (await fetch(`${agent.operations.url}/metrics`)).text();
    expect(metrics).toMatch(/keyfleet_agent_secrets [1-9]/);
    expect(metrics).toContain('keyfleet_agent_request_duration_seconds');
    expect(metrics).not.toContain('canary');
  });
});

it('is the same vault, with the same keys, after it was started again', async () => {
  await api.put('durable/db', 'kept');
  const key = readFileSync(join(directory, 'admin.key'), 'utf8');
  const about = JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8'));
  expect(about).toEqual({
    url: agent.url,
    caFile: join(directory, 'tls', 'ca.pem'),
    pid: process.pid,
    operationsUrl: agent.operations.url,
    agentId: null,
  });
  api.close();
  await agent.close();
  await start();
  expect(readFileSync(join(directory, 'admin.key'), 'utf8')).toBe(key);
  const { body } = await api.get('/secrets/durable/db/value');
  expect(Buffer.from(body.value, 'base64').toString()).toBe('kept');
});

it('S31: logs no value, no key and no name of a secret', async () => {
  const lines = log.join('');
  const key = readFileSync(join(directory, 'admin.key'), 'utf8').trim();
  for (const word of [key, 'team/db', 'durable', 'metric-canary', 'value-of-guarded'])
    expect(lines).not.toContain(word);
  expect(log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
