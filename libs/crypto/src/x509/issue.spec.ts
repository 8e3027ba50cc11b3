import { X509Certificate } from 'node:crypto';
import { newId } from '@keyfleet/platform';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  issueAgentCertificate,
  issueServerCertificate,
  issueServiceCertificate,
  loadCertificateAuthority,
} from './issue.js';
import { createCertificateRequest, readCertificateRequest } from './request.js';
import { certificatePin, splitPem, trustBundle } from './trust.js';

const DAY = 86_400_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const now = Date.UTC(2026, 10, 20, 12, 0, 0, 345);

async function authority(): Promise<CertificateAuthority> {
  return loadCertificateAuthority(
    await createCertificateAuthority({ commonName: 'Keyfleet test', now, validForMs: 365 * DAY }),
  );
}

describe('certificates', () => {
  it('S5: an agent certificate is for client authentication only, at most 24 hours long, with our subject', async () => {
    const ca = await authority();
    const orgId = newId('org');
    const agentId = newId('agt');
    for (const kind of ['p256', 'ed25519'] as const) {
      const request = await readCertificateRequest((await createCertificateRequest(kind)).csr);
      const issued = await issueAgentCertificate(ca, { orgId, agentId, request, now, validForMs: 90 * DAY });
      const parsed = new X509Certificate(issued.certificate);
      expect(parsed.subject).toBe(`CN=${agentId}\nO=${orgId}`);
      expect(parsed.subjectAltName).toBeUndefined();
      expect(parsed.ca).toBe(false);
      expect(parsed.keyUsage).toEqual([CLIENT_AUTH]);
      expect(parsed.validToDate.getTime() - parsed.validFromDate.getTime()).toBeLessThanOrEqual(DAY);
      expect(parsed.validFromDate.getTime()).toBeLessThan(now);
      expect(parsed.validToDate.getTime()).toBe(issued.expiresAt);
      expect(parsed.serialNumber.toLowerCase()).toBe(issued.serial);
      expect(parsed.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
      expect(parsed.publicKey.export({ type: 'spki', format: 'der' })).toEqual(request.publicKey);
    }
  });

  it('S5: serials are random', async () => {
    const ca = await authority();
    const request = await readCertificateRequest((await createCertificateRequest()).csr);
    const serials = new Set<string>();
    for (let n = 0; n < 50; n += 1) {
      const options = { orgId: newId('org'), agentId: newId('agt'), request, now, validForMs: 1000 };
      serials.add((await issueAgentCertificate(ca, options)).serial);
    }
    expect(serials.size).toBe(50);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  it('a server certificate names its hosts and can serve only; a service certificate can call only', async () => {
    const ca = await authority();
    const server = await issueServerCertificate(ca, {
      commonName: 'broker',
      names: ['127.0.0.1', '::1', 'localhost'],
      now,
      validForMs: DAY,
    });
    const parsed = new X509Certificate(server.certificate);
    expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(parsed.checkHost('localhost')).toBe('localhost');
    expect(parsed.checkHost('example.com')).toBeUndefined();
    expect(parsed.keyUsage).toEqual([SERVER_AUTH]);
    const service = await issueServiceCertificate(ca, { service: 'registry', now, validForMs: DAY });
    expect(new X509Certificate(service.certificate).keyUsage).toEqual([CLIENT_AUTH]);
  });

  it('nothing issued outlives its authority', async () => {
    const short = await loadCertificateAuthority(
      await createCertificateAuthority({ commonName: 'short', now, validForMs: 3_600_000 }),
    );
    const server = await issueServerCertificate(short, {
      commonName: 'broker',
      names: ['localhost'],
      now,
      validForMs: DAY,
    });
    expect(server.expiresAt).toBe(Math.floor((now + 3_600_000) / 1000) * 1000);
  });

  it('an authority that has ended issues nothing', async () => {
    const ca = await authority();
    const options = { service: 'registry', validForMs: DAY };
    const issue = (at: number) => issueServiceCertificate(ca, { ...options, now: at });
    await expect(issue(now + 365 * DAY)).rejects.toThrow('this authority has ended');
    const last = await issue(now + 365 * DAY - 2_000);
    expect(last.expiresAt).toBeGreaterThan(now + 365 * DAY - 2_000);
  });

  it('an end certificate cannot be used as an authority', async () => {
    const ca = await authority();
    const service = await issueServiceCertificate(ca, { service: 'registry', now, validForMs: DAY });
    await expect(loadCertificateAuthority(service)).rejects.toThrow('may not issue');
    expect(() => trustBundle(ca.certificate, service.certificate)).toThrow('authorities only');
  });

  it('a trust bundle holds one or two authorities, each once', async () => {
    const [one, two, three] = await Promise.all([authority(), authority(), authority()]);
    expect(splitPem(trustBundle(one.certificate, one.certificate))).toHaveLength(1);
    expect(splitPem(trustBundle(one.certificate, two.certificate))).toHaveLength(2);
    expect(() => trustBundle(one.certificate, two.certificate, three.certificate)).toThrow('one or two');
    expect(() => trustBundle('')).toThrow('one or two');
    expect(certificatePin(one.certificate)).toMatch(/^[0-9a-f]{64}$/);
    expect(certificatePin(one.certificate)).not.toBe(certificatePin(two.certificate));
  });
});
