import { createPublicKey } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { generatePrivateKey, importSigningPair, type KeyKind, keyIdOf, keyKindOf, SIGNING } from './keys.js';
import { x509 } from './library.js';
import { namesForeignSubject, refusedExtension } from './request-claims.js';

/** All that is ever taken from a certificate request. */
export interface CertificateRequest {
  readonly kind: KeyKind;
  /** SPKI, DER. */
  readonly publicKey: Buffer;
  /** SHA-256 (hex) of `publicKey`. */
  readonly keyId: string;
}

/** A P-256 request with one name is 300 bytes; this leaves room and bounds the parser. */
const MAX_REQUEST_CHARS = 8 * 1024;
const PEM =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END \1?CERTIFICATE REQUEST-----\s*$/;
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7';

function refuse(message: string): KeyfleetError {
  return new KeyfleetError('enrolment.csr-invalid', {
    detail: `The certificate request is not acceptable: ${message}.`,
    errors: [{ pointer: '/csr', message }],
  });
}

/** A new key and a request for it, with an empty subject: names are given, not asked for. */
export async function createCertificateRequest(
  kind: KeyKind = 'p256',
): Promise<{ readonly csr: string; readonly privateKey: string }> {
  const privateKey = generatePrivateKey(kind);
  const { keys } = await importSigningPair(privateKey);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: SIGNING[kind],
  });
  return { csr: request.toString('pem'), privateKey };
}

function decode(pem: string): Buffer {
  if (pem.length > MAX_REQUEST_CHARS) throw refuse('it is larger than 8 KiB');
  const match = PEM.exec(pem);
  if (!match?.[2]) throw refuse('it is not one PEM block of a certificate request');
  const der = Buffer.from(match[2], 'base64');
  if (!isOneSequence(der)) throw refuse('it is not one DER structure');
  return der;
}

/** One definite-length SEQUENCE that fills the buffer: nothing can trail behind what was parsed. */
function isOneSequence(der: Buffer): boolean {
  if (der.length < 4 || der[0] !== 0x30) return false;
  const first = der.readUInt8(1);
  if (first < 0x80) return der.length === 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 3 || der.length < 2 + octets) return false;
  return der.length === 2 + octets + der.readUIntBE(2, octets);
}

function publicKeyOf(request: x509.Pkcs10CertificateRequest): CertificateRequest {
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  const kind = keyKindOf(key);
  if (!kind) throw refuse('its key is neither P-256 nor Ed25519');
  const publicKey = key.export({ type: 'spki', format: 'der' });
  return { kind, publicKey, keyId: keyIdOf(publicKey) };
}

function checkClaims(request: x509.Pkcs10CertificateRequest, ownId: string | undefined): void {
  const foreign = namesForeignSubject(request.subjectName.toJSON(), ownId);
  if (foreign) throw refuse(foreign);
  for (const attribute of request.attributes) {
    if (attribute.type === CHALLENGE_PASSWORD) continue;
    if (attribute.type !== EXTENSION_REQUEST || !(attribute instanceof x509.ExtensionsAttribute))
      throw refuse('it carries an attribute that is not an extension request');
    for (const extension of attribute.items) {
      const reason = refusedExtension(extension, ownId);
      if (reason) throw refuse(reason);
    }
  }
}

/**
 * Reads a PKCS#10 request (PEM) for its key and the proof that the sender holds it. Subject and extensions are never
 * used; a request that asks for somebody else's name or for rights of an authority is refused all the same, because
 * whoever wrote it meant it. `ownId` is the one name that is not foreign: the agent's own, at renewal.
 * Throws `enrolment.csr-invalid` and nothing else, whatever the bytes are.
 */
export async function readCertificateRequest(pem: string, ownId?: string): Promise<CertificateRequest> {
  const der = decode(pem);
  try {
    const request = new x509.Pkcs10CertificateRequest(der);
    const found = publicKeyOf(request);
    checkClaims(request, ownId);
    if (!(await request.verify())) throw refuse('its signature does not match its key');
    return found;
  } catch (error) {
    if (error instanceof KeyfleetError) throw error;
    throw refuse('it could not be read');
  }
}
