import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import fc from 'fast-check';
import { generatePrivateKey, importSigningPair, SIGNING } from './keys.js';
import { x509 } from './library.js';
import { createCertificateRequest, readCertificateRequest } from './request.js';

const own = newId('agt');
const other = newId('agt');

async function requestWith(options: {
  name?: x509.JsonName;
  extensions?: x509.Extension[];
  attributes?: x509.Attribute[];
}): Promise<string> {
  const { keys, kind } = await importSigningPair(generatePrivateKey());
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    ...options,
    keys,
    signingAlgorithm: SIGNING[kind],
  });
  return csr.toString('pem');
}

async function outcome(pem: string, ownId?: string): Promise<string> {
  try {
    await readCertificateRequest(pem, ownId);
    return 'accepted';
  } catch (error) {
    if (!isKeyfleetError(error, 'enrolment.csr-invalid')) throw error;
    return 'refused';
  }
}

const san = (type: 'dns' | 'ip' | 'email' | 'url', value: string) =>
  new x509.SubjectAlternativeNameExtension([{ type, value }]);

describe('certificate requests', () => {
  it('an honest request gives its key, in both key kinds', async () => {
    for (const kind of ['p256', 'ed25519'] as const) {
      const read = await readCertificateRequest((await createCertificateRequest(kind)).csr);
      expect(read.kind).toBe(kind);
      expect(read.keyId).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it.each<[string, x509.JsonName]>([
    ['nothing', []],
    ['a plain label', [{ CN: ['web-1'] }]],
    ['its own id', [{ CN: [own] }]],
  ])('S5: %s in the subject is accepted and ignored', async (_name, name) => {
    expect(await outcome(await requestWith({ name }), own)).toBe('accepted');
  });

  it.each<[string, x509.JsonName]>([
    ['another agent', [{ CN: [other] }]],
    ['another agent behind its own name', [{ CN: [own] }, { CN: [other] }]],
    ['an organisation', [{ CN: [own] }, { O: [newId('org')] }]],
    ['a service', [{ CN: ['registry'] }]],
    ['a service in capitals', [{ CN: [' Registry '] }]],
    ['a host', [{ CN: ['gateway.example.com'] }]],
    ['an address', [{ CN: ['10.0.0.1'] }]],
    ['a wildcard', [{ CN: ['*'] }]],
    ['a look-alike with another script', [{ CN: ['rеgistry'] }]],
  ])('S5 S7: a subject naming %s is refused', async (_name, name) => {
    expect(await outcome(await requestWith({ name }), own)).toBe('refused');
  });

  it.each<[string, x509.Extension]>([
    ['a DNS name', san('dns', 'gateway')],
    ['another agent as DNS name', san('dns', other)],
    ['an address', san('ip', '127.0.0.1')],
    ['an e-mail address', san('email', 'root@example.com')],
    ['a URI', san('url', 'urn:keyfleet:registry')],
    ['the CA bit', new x509.BasicConstraintsExtension(true, 3, true)],
    ['certificate signing', new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)],
    ['revocation list signing', new x509.KeyUsagesExtension(x509.KeyUsageFlags.cRLSign)],
    ['serverAuth', new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])],
    ['any usage', new x509.ExtendedKeyUsageExtension(['2.5.29.37.0'])],
    ['an unknown extension', new x509.Extension('1.2.3.4', true, Buffer.from([5, 0]))],
    ['an unreadable extension', new x509.Extension('2.5.29.17', true, Buffer.from([48, 9, 1]))],
  ])('S5: a request for %s is refused', async (_name, extension) => {
    expect(await outcome(await requestWith({ extensions: [extension] }), own)).toBe('refused');
  });

  it('S5: extensions that only say what we say anyway are accepted', async () => {
    const extensions = [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      san('dns', own),
    ];
    expect(await outcome(await requestWith({ extensions }), own)).toBe('accepted');
  });

  it('S5: a second list of extensions cannot hide behind a harmless first', async () => {
    const attributes = [
      new x509.ExtensionsAttribute([new x509.BasicConstraintsExtension(false)]),
      new x509.ExtensionsAttribute([new x509.BasicConstraintsExtension(true, 1, true)]),
    ];
    expect(await outcome(await requestWith({ attributes }), own)).toBe('refused');
  });

  it('S5: of what openssl makes, P-256 and Ed25519 pass; RSA, other curves and a broken signature do not', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keyfleet-csr-'));
    try {
      const made = (args: string[]) =>
        execFileSync(
          'openssl',
          ['req', '-new', '-nodes', '-keyout', join(directory, 'k'), '-subj', '/CN=a', ...args],
          {
            stdio: ['ignore', 'pipe', 'ignore'],
          },
        ).toString();
      expect(await outcome(made(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']))).toBe('accepted');
      expect(await outcome(made(['-newkey', 'ed25519']))).toBe('accepted');
      expect(await outcome(made(['-newkey', 'rsa:2048']))).toBe('refused');
      expect(await outcome(made(['-newkey', 'rsa:1024']))).toBe('refused');
      expect(await outcome(made(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']))).toBe('refused');
      expect(await outcome(made(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']))).toBe(
        'refused',
      );
      const csr = Buffer.from(made(['-newkey', 'ed25519']).replace(/-----.*-----|\s/g, ''), 'base64');
      csr.writeUInt8(csr.readUInt8(csr.length - 1) ^ 1, csr.length - 1);
      expect(await outcome(pemOf(csr))).toBe('refused');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('S5: whatever the text, the answer is a typed refusal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 10_000 }), async (text) => {
        expect(await outcome(text)).toBe('refused');
      }),
      { numRuns: 200 },
    );
  });

  it('S5: whatever the bytes, the answer is a typed refusal', async () => {
    const length = (n: number) => (n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255]);
    const { tlv } = fc.letrec<{ tlv: Buffer; node: Buffer }>((tie) => ({
      node: fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 40 }))
        .map(([tag, value]) => Buffer.from([tag, ...length(value.length), ...value])),
      tlv: fc.oneof(
        { depthSize: 'medium' },
        tie('node'),
        fc
          .tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa3, 0x24), fc.array(tie('tlv'), { maxLength: 5 }))
          .map(([tag, children]) => {
            const body = Buffer.concat(children).subarray(0, 4000);
            return Buffer.concat([Buffer.from([tag, ...length(body.length)]), body]);
          }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(tlv, fc.uint8Array({ maxLength: 600 })), async (bytes) => {
        expect(await outcome(pemOf(Buffer.from(bytes)))).toBe('refused');
      }),
      { numRuns: 500 },
    );
  });

  it('S5: a request altered anywhere is refused or still speaks for its own key only', async () => {
    const { csr } = await createCertificateRequest();
    const der = Buffer.from(csr.replace(/-----.*-----|\s/g, ''), 'base64');
    const honest = await readCertificateRequest(csr);
    const edit = fc.record({
      at: fc.nat(der.length - 1),
      drop: fc.nat(4),
      insert: fc.uint8Array({ maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, drop, insert }) => {
        const altered = Buffer.concat([der.subarray(0, at), insert, der.subarray(at + drop)]);
        try {
          expect((await readCertificateRequest(pemOf(altered))).keyId).toBe(honest.keyId);
        } catch (error) {
          if (!isKeyfleetError(error, 'enrolment.csr-invalid')) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('S5: nesting as deep as the size allows is refused, not followed', async () => {
    const deep = Buffer.concat([Buffer.from([0x30, 0x82, 0x17, 0x70]), Buffer.alloc(6000, 0x30)]);
    expect(await outcome(pemOf(deep))).toBe('refused');
    expect(await outcome(pemOf(Buffer.alloc(5900, Buffer.from([0x30, 0x80]))))).toBe('refused');
  });
});

function pemOf(der: Buffer): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}
