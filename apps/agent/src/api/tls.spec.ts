import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificateAuthority } from '@keyfleet/crypto';
import { TestClock } from '@keyfleet/testing';
import { LocalTls } from './tls.js';

const DAY = 24 * 3_600_000;
let directory: string;
let clock: TestClock;
let said: string[];
beforeEach(() => {
  said = [];
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-tls-'));
  clock = new TestClock();
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (names = ['localhost', '127.0.0.1', '::1', 'site-7']) =>
  new LocalTls({
    ...{ directory, name: 'site-7', names, clock },
    logger: { warn: (_about: unknown, message?: string) => void said.push(message ?? '') },
  });
const authority = () => readFileSync(join(directory, 'ca.pem'), 'utf8');

/** What a caller that has this copy of `ca.pem` makes of what it is served now. */
async function accepts(copy: string): Promise<boolean> {
  const [server, ca] = [
    new X509Certificate((await open().certificate()).certificate),
    new X509Certificate(copy),
  ];
  const isNow = ({ validFromDate, validToDate }: X509Certificate) =>
    validFromDate.getTime() <= clock.now() && clock.now() < validToDate.getTime();
  return server.verify(ca.publicKey) && isNow(server) && isNow(ca);
}

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

describe('repro-clock: a clock that was wrong once', () => {
  const NOW = '2026-11-20T12:00:00.000Z';

  it('leaves no certificate of the future behind', async () => {
    clock.jumpTo(NOW);
    await open().certificate();
    const copy = authority();
    clock.advance(40 * DAY);
    expect(await accepts(copy)).toBe(true);
    clock.jumpTo(NOW);
    expect(await accepts(copy)).toBe(true);
  });

  it.each(['1970-01-01T00:01:00.000Z', '2027-06-01T00:00:00.000Z'])(
    'and stood at %s at the first start costs nobody the copy of ca.pem',
    async (first) => {
      clock.jumpTo(first);
      await open().certificate();
      const copy = authority();
      clock.jumpTo(NOW);
      expect(await accepts(copy)).toBe(true);
      expect(said).toEqual([]);
    },
  );

  it('and is in 1970 after every start of the machine changes nothing', async () => {
    clock.jumpTo(NOW);
    const served = await open().certificate();
    const copy = authority();
    clock.jumpTo('1970-01-01T00:00:10.000Z');
    expect(await open().certificate()).toEqual(served);
    clock.jumpTo(NOW);
    expect(await accepts(copy)).toBe(true);
    expect(await open().certificate()).toEqual(served);
  });

  it('and lay beyond the end of the authority gets another one, told of, until it is put right', async () => {
    clock.jumpTo(NOW);
    await open().certificate();
    const copy = authority();
    clock.jumpTo('2099-01-01T00:00:00.000Z');
    const other = await open().certificate();
    expect(await accepts(copy)).toBe(false);
    expect(await accepts(authority())).toBe(true);
    expect(await open().certificate()).toEqual(other);
    expect(said).toEqual([expect.stringContaining('callers have to take the new ca.pem')]);
    clock.jumpTo(NOW);
    expect(await accepts(copy)).toBe(true);
    expect(authority()).toBe(copy);
  });

  it('and had an older agent make its authority then gets a good one', async () => {
    for (const made of ['1970-01-01T00:01:00.000Z', '2027-06-01T00:00:00.000Z']) {
      const wrong = { commonName: 'Keyfleet agent site-7', now: Date.parse(made), validForMs: 3_650 * DAY };
      const { certificate, privateKey } = await createCertificateAuthority(wrong);
      writeFileSync(join(directory, 'ca.pem'), certificate);
      writeFileSync(join(directory, 'ca.key'), privateKey);
      clock.jumpTo(NOW);
      expect(await accepts(certificate)).toBe(false);
      expect(await accepts(authority())).toBe(true);
      rmSync(join(directory, 'ca.before.pem'));
    }
    expect(said).toHaveLength(2);
  });
});

describe('the end of the authority', () => {
  it('is also that of what it issued last, which is not issued over and over', async () => {
    await open().certificate();
    clock.advance(3_640 * DAY);
    const last = await open().certificate();
    clock.advance(5 * DAY);
    expect(await open().certificate()).toEqual(last);
    expect(await accepts(authority())).toBe(true);
    clock.advance(6 * DAY);
    expect(await open().certificate()).not.toEqual(last);
    expect(await accepts(authority())).toBe(true);
    expect(said).toHaveLength(1);
  });
});

describe('F11: a certificate the disk does not take', () => {
  it('is served all the same, and the same one again', async () => {
    mkdirSync(join(directory, 'server.key', 'in-the-way'), { recursive: true });
    const tls = open();
    const served = await tls.certificate();
    expect(new X509Certificate(served.certificate).verify(new X509Certificate(authority()).publicKey)).toBe(
      true,
    );
    expect(await tls.certificate()).toEqual(served);
    expect(said).toHaveLength(1);
  });
});
