import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestClock } from '@keyfleet/testing';
import { LocalTls } from './tls.js';

const DAY = 24 * 3_600_000;
let directory: string;
let clock: TestClock;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-tls-'));
  clock = new TestClock();
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (names = ['localhost', '127.0.0.1', '::1', 'site-7']) =>
  new LocalTls({ directory, name: 'site-7', names, clock });
const authority = () => readFileSync(join(directory, 'ca.pem'), 'utf8');

describe('the agent’s own authority', () => {
  it('is made once, and issues a certificate for every name the agent has', async () => {
    const { certificate } = await open().certificate();
    const parsed = new X509Certificate(certificate);
    expect(parsed.checkIssued(new X509Certificate(authority()))).toBe(true);
    expect(parsed.checkHost('site-7')).toBe('site-7');
    expect([parsed.checkIP('127.0.0.1'), parsed.checkIP('::1')]).toEqual(['127.0.0.1', '::1']);
    for (const name of ['ca.key', 'server.key'])
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    const before = authority();
    expect((await open().certificate()).certificate).toBe(certificate);
    expect(authority()).toBe(before);
  });

  it('issues anew well before the end, under the same authority, so that callers trust on', async () => {
    const first = await open().certificate();
    const before = authority();
    clock.advance(29 * DAY);
    expect(await open().certificate()).toEqual(first);
    clock.advance(2 * DAY);
    const second = await open().certificate();
    expect(second.certificate).not.toBe(first.certificate);
    expect(new X509Certificate(second.certificate).checkIssued(new X509Certificate(before))).toBe(true);
    expect(authority()).toBe(before);
  });

  it('issues anew for another name, and where key and certificate do not belong together', async () => {
    const first = await open().certificate();
    const named = await open(['localhost', 'vault.example']).certificate();
    expect(new X509Certificate(named.certificate).checkHost('vault.example')).toBe('vault.example');
    writeFileSync(join(directory, 'server.key'), first.privateKey);
    const mended = await open(['localhost', 'vault.example']).certificate();
    expect(mended.certificate).not.toBe(named.certificate);
    expect(await open(['localhost', 'vault.example']).certificate()).toEqual(mended);
  });
});
