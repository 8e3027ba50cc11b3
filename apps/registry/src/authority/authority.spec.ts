import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { agentCommand, commandSigningInput } from '@keyfleet/contracts/messages';
import { createCertificateRequest, verifyNkeySignature } from '@keyfleet/crypto';
import { generateUserSeed, publicKeyOf } from '@keyfleet/messaging';
import { deriveId, newId, systemClock } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { Authority } from './authority.js';
import { readAuthorityKeys } from './files.js';
import { initialise } from './initialise.js';
import type { RevocationTable } from './revocations.js';

jest.setTimeout(60_000);

describe('the authority', () => {
  let authority: Authority;
  const revoked = new Set<string>();

  beforeAll(async () => {
    const directory = temporaryDirectory('installation');
    await initialise({ directory, clock: systemClock, natsPort: 4222 });
    authority = await Authority.create({
      keys: readAuthorityKeys(join(directory, 'authority')),
      revocations: { hasKey: async (nkey: string) => revoked.has(nkey) } as RevocationTable,
      reconciler: { enforce: async () => 'same' },
      brokerUrls: ['tls://127.0.0.1:4222'],
      clock: systemClock,
    });
  });

  const request = async () => {
    const nkey = publicKeyOf(generateUserSeed());
    const { csr } = await createCertificateRequest();
    return { orgId: newId('org'), agentId: deriveId('agt', nkey), csr, nkey };
  };

  it('S5: gives an agent a certificate and a JWT that end together, within 24 hours', async () => {
    const asked = await request();
    const given = await authority.issueAgentIdentity(asked);
    const certificate = new X509Certificate(given.certificate);
    expect(certificate.subject).toBe(`CN=${asked.agentId}\nO=${asked.orgId}`);
    expect(certificate.serialNumber.toLowerCase()).toBe(given.serial);
    const payload = JSON.parse(Buffer.from(given.jwt.split('.')[1] ?? '', 'base64url').toString());
    expect(payload.exp * 1000).toBe(Date.parse(given.expiresAt));
    expect(certificate.validToDate.getTime()).toBe(Date.parse(given.expiresAt));
    expect(Date.parse(given.expiresAt) - Date.now()).toBeLessThanOrEqual(86_400_000);
    // Nothing in the JWT but who it is: all rights come from the signer's template.
    expect(Object.keys(payload.nats).sort()).toEqual(['issuer_account', 'tags', 'type', 'version']);
    expect(payload).toMatchObject({ name: asked.agentId, sub: asked.nkey });
    expect(payload.nats.tags[0]).toBe(`org:${asked.orgId}`);
    expect(given.trustBundle).toHaveLength(1);
    expect(await authority.pins()).toHaveLength(1);
  });

  it('S7: the JWT names the key of the certificate it was issued with', async () => {
    const given = await authority.issueAgentIdentity(await request());
    const payload = JSON.parse(Buffer.from(given.jwt.split('.')[1] ?? '', 'base64url').toString());
    const { createHash } = await import('node:crypto');
    const spki = new X509Certificate(given.certificate).publicKey.export({ type: 'spki', format: 'der' });
    expect(payload.nats.tags).toContain(`spki:${createHash('sha256').update(spki).digest('hex')}`);
  });

  it('S5: refuses a request that is none, or for a key that may not come back', async () => {
    const asked = await request();
    await expect(authority.issueAgentIdentity({ ...asked, csr: 'nonsense' })).rejects.toMatchObject({
      code: 'enrolment.csr-invalid',
    });
    revoked.add(asked.nkey);
    await expect(authority.issueAgentIdentity(asked)).rejects.toMatchObject({ code: 'agent.revoked' });
  });

  it('signs commands with the key agents pin, and nothing else can be turned into one', () => {
    const unsigned = {
      v: 1 as const,
      id: newId('cmd'),
      agentId: newId('agt'),
      verb: 'rotate' as const,
      args: { path: 'team/app/db' },
      issuedAt: '2026-01-01T00:00:00.000Z',
      expiresAt: '2026-01-01T00:01:00.000Z',
    };
    const signed = agentCommand.parse(authority.signCommand(unsigned));
    expect(authority.commandKeys()).toEqual([signed.key]);
    expect(verifyNkeySignature(signed.key, commandSigningInput(signed), signed.signature)).toBe(true);
    const changed = { ...signed, args: { path: 'team/app/other' } };
    expect(verifyNkeySignature(signed.key, commandSigningInput(changed), signed.signature)).toBe(false);
    const { key, signature } = authority.sign('keyfleet.manifest.v1', ['a', 'b']);
    expect(verifyNkeySignature(key, 'keyfleet.manifest.v1\na\nb', signature)).toBe(true);
    expect(() => authority.sign('keyfleet.manifest.v1', ['a\nb'])).toThrow('one line');
  });
});
