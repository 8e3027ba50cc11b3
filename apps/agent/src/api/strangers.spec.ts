import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createLogger, createMetrics, systemClock } from '@keyfleet/platform';
import { VaultFixture } from '../vault/fixture.contract.js';
import { type Api, startApi } from './server.js';
import { LocalTls } from './tls.js';

const CONNECTIONS = 4;
let fixture: VaultFixture;
let api: Api;
let ca: string;
let sockets: TLSSocket[];

beforeEach(async () => {
  sockets = [];
  fixture = await VaultFixture.open();
  const logger = createLogger({
    service: 'agent',
    version: '0.1.0',
    destination: { write: () => undefined },
  });
  const directory = join(fixture.directory, 'tls');
  const options = { directory, name: 'site-7', names: ['127.0.0.1'], clock: systemClock, logger };
  const tls = new LocalTls(options);
  api = await startApi({
    ...{ agent: fixture.agent, clock: fixture.clock, logger, tls: await tls.certificate() },
    ...{ host: '127.0.0.1', port: 0, maxConnections: CONNECTIONS },
    metrics: createMetrics({ service: 'agent', version: '0.1.0', runtime: false }),
    status: () => Promise.reject(new Error('nobody here may ask for it')),
  });
  ca = readFileSync(tls.caFile, 'utf8');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await api.close();
  await fixture.destroy();
});

/** A connection as a hostile client has it: it says what it likes, when it likes. */
async function open(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(api.url).port), ca });
  sockets.push(socket);
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
  return socket.on('error', () => undefined);
}

/** The next answer, or why there is none: everything that comes until its body is whole. */
function answered(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`no answer but ${JSON.stringify(text)}`)), 10_000);
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (!text.includes('\r\n\r\n') || text.split('\r\n\r\n')[1]?.length !== length) return;
      clearTimeout(late);
      socket.off('data', read);
      resolve(text);
    };
    socket.on('data', read);
  });
}

const BODY_BYTES = 60_000;
const BEGUN = '{"value":"';

function head(method: string, path: string, headers: readonly string[] = []): string {
  const lines = [`${method} /api/v1${path} HTTP/1.1`, 'host: site-7', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
const withBody = ['content-type: application/json', `content-length: ${BODY_BYTES}`];

describe('repro: a stranger who begins a body and says nothing more', () => {
  it.each([
    ['PUT', '/secrets/team/db', 'create', 'team/db'],
    ['PUT', '/secrets/not%20a%20path', 'create', null],
    ['POST', '/secrets/team/db/rotate', 'rotate', 'team/db'],
    ['POST', '/secrets/team/db/rollback', 'rollback', 'team/db'],
    ['DELETE', '/secrets/team/db', 'delete', 'team/db'],
    ['POST', '/keys/rotate', 'keys', null],
    ['POST', '/backups', 'backup', null],
  ])('is answered 401 at once, on record: %s %s', async (method, path, action, named) => {
    const keys = [[], [`authorization: Bearer kfa_${'A'.repeat(43)}`]];
    for (const key of keys) {
      const socket = await open();
      socket.write(head(method, path, [...withBody, ...key]) + BEGUN);
      const answer = await answered(socket);
      expect(answer).toMatch(/^HTTP\/1\.1 401 /);
      expect(answer).toContain('"code":"auth.required"');
      expect(answer.toLowerCase()).toContain('www-authenticate: bearer');
    }
    const line = { action, path: named, principal: 'anonymous', outcome: 'denied', code: 'auth.required' };
    expect(await fixture.audit()).toEqual([expect.objectContaining(line), expect.objectContaining(line)]);
    expect(fixture.told().map(([type, data]) => [type, data['reason']])).toEqual([
      ['AccessDenied', 'no-credential'],
      ['AccessDenied', 'unknown-credential'],
    ]);
  });

  it.each([
    ['POST', '/secrets/team/db'],
    ['POST', '/elsewhere'],
    ['PUT', '/status'],
  ])('is answered 404 at once where there is no such operation: %s %s', async (method, path) => {
    const socket = await open();
    socket.write(head(method, path, withBody) + BEGUN);
    const answer = await answered(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('"code":"request.unknown-operation"');
  });

  it('may go on: what is left of the body is thrown away, and the next request answered', async () => {
    const socket = await open();
    socket.write(head('PUT', '/secrets/team/db', withBody) + BEGUN);
    await answered(socket);
    socket.write('x'.repeat(BODY_BYTES - BEGUN.length));
    socket.write(head('GET', '/secrets/team/db/value'));
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 401 /);
    expect((await fixture.audit()).map(({ action }) => action)).toEqual(['create', 'read']);
  });
});

describe('connections', () => {
  it('are so many at once and no more, until one of them ends', async () => {
    const first = await open();
    for (let n = 1; n < CONNECTIONS; n += 1) await open();
    await expect(open()).rejects.toThrow();
    first.end();
    let next: TLSSocket | undefined;
    for (const until = Date.now() + 10_000; !next && Date.now() < until; )
      next = await open().catch(() => undefined);
    next?.write(head('GET', '/status'));
    expect(await answered(next as TLSSocket)).toMatch(/^HTTP\/1\.1 401 /);
  });
});
