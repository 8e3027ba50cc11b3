import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  generatePrivateKey,
  importSigningPair,
  type KeyKind,
  keyIdOf,
  SIGNING,
  type SigningPair,
} from './keys.js';
import { x509 } from './library.js';
import type { CertificateRequest } from './request.js';

const HOUR = 3_600_000;
/** Nothing an agent holds lives longer: a revocation list never needs to reach back further than this. */
export const MAX_AGENT_CERTIFICATE_MS = 24 * HOUR;
/** Clocks of new machines are often minutes behind; validity starts this much earlier. */
const BACKDATE_MS = 5 * 60_000;

export interface CertificateAndKey {
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
}

export interface IssuedCertificate {
  readonly certificate: string;
  /** Hex, 128 random bits, unique for our purposes. */
  readonly serial: string;
  /** Milliseconds since the epoch, a whole second. */
  readonly expiresAt: number;
  /** SHA-256 (hex) of the public key's SPKI: the identity a certificate is known by, never its names. */
  readonly keyId: string;
}

export interface CertificateAuthority {
  readonly certificate: string;
  readonly pair: SigningPair;
  readonly parsed: x509.X509Certificate;
}

export interface IssueOptions {
  readonly now: number;
  readonly validForMs: number;
}

interface Leaf extends IssueOptions {
  readonly subject: Record<string, string[]>[];
  readonly publicKey: Buffer;
  readonly usage: x509.ExtendedKeyUsage;
  readonly names?: readonly string[];
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  // Positive and without a leading zero octet, so that the hex form is the same in every tool.
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}

const wholeSecond = (millis: number) => Math.floor(millis / 1000) * 1000;

/** A self-signed issuing authority that can sign end certificates only. */
export async function createCertificateAuthority(
  options: IssueOptions & { readonly commonName: string; readonly kind?: KeyKind },
): Promise<CertificateAndKey> {
  const privateKey = generatePrivateKey(options.kind);
  const { keys, kind } = await importSigningPair(privateKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [options.commonName] }],
    keys,
    serialNumber: serialNumber(),
    signingAlgorithm: SIGNING[kind],
    notBefore: new Date(wholeSecond(options.now - BACKDATE_MS)),
    notAfter: new Date(wholeSecond(options.now + options.validForMs)),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), privateKey };
}

export async function loadCertificateAuthority(authority: CertificateAndKey): Promise<CertificateAuthority> {
  const certificate = new X509Certificate(authority.certificate);
  if (!certificate.ca) throw new Error('this certificate may not issue others');
  const pair = await importSigningPair(authority.privateKey);
  return { certificate: authority.certificate, pair, parsed: new x509.X509Certificate(certificate.raw) };
}

async function issueLeaf(ca: CertificateAuthority, leaf: Leaf): Promise<IssuedCertificate> {
  const serial = serialNumber();
  const caEnd = new X509Certificate(ca.certificate).validToDate.getTime();
  // Nothing outlives its authority, so all it could issue would be over before it began.
  if (caEnd <= leaf.now) throw new RangeError('this authority has ended');
  const expiresAt = Math.min(wholeSecond(leaf.now + leaf.validForMs), caEnd);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([leaf.usage], true),
    await x509.AuthorityKeyIdentifierExtension.create(ca.parsed.publicKey),
    await x509.SubjectKeyIdentifierExtension.create(new x509.PublicKey(leaf.publicKey)),
  ];
  if (leaf.names?.length) {
    const names = leaf.names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const);
    extensions.push(new x509.SubjectAlternativeNameExtension(names));
  }
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: leaf.subject,
    issuer: ca.parsed.subjectName,
    notBefore: new Date(wholeSecond(leaf.now - BACKDATE_MS)),
    notAfter: new Date(expiresAt),
    publicKey: new x509.PublicKey(leaf.publicKey),
    signingKey: ca.pair.keys.privateKey,
    signingAlgorithm: SIGNING[ca.pair.kind],
    extensions,
  });
  return { certificate: certificate.toString('pem'), serial, expiresAt, keyId: keyIdOf(leaf.publicKey) };
}

const spkiOf = (privateKey: string) => createPublicKey(privateKey).export({ type: 'spki', format: 'der' });

/** For a server that listens under these DNS names and addresses; serverAuth only. */
export async function issueServerCertificate(
  ca: CertificateAuthority,
  options: IssueOptions & { readonly commonName: string; readonly names: readonly string[] },
): Promise<IssuedCertificate & CertificateAndKey> {
  const privateKey = generatePrivateKey();
  const issued = await issueLeaf(ca, {
    ...options,
    subject: [{ CN: [options.commonName] }],
    publicKey: spkiOf(privateKey),
    usage: x509.ExtendedKeyUsage.serverAuth,
  });
  return { ...issued, privateKey };
}

/** For one of our own services as a client; clientAuth only. */
export async function issueServiceCertificate(
  ca: CertificateAuthority,
  options: IssueOptions & { readonly service: string },
): Promise<IssuedCertificate & CertificateAndKey> {
  const privateKey = generatePrivateKey();
  const issued = await issueLeaf(ca, {
    ...options,
    subject: [{ CN: [options.service] }, { O: ['keyfleet services'] }],
    publicKey: spkiOf(privateKey),
    usage: x509.ExtendedKeyUsage.clientAuth,
  });
  return { ...issued, privateKey };
}

/** For an agent: its key is all that is taken from its request; names, rights and life are ours. */
export async function issueAgentCertificate(
  ca: CertificateAuthority,
  options: IssueOptions & {
    readonly orgId: string;
    readonly agentId: string;
    readonly request: CertificateRequest;
  },
): Promise<IssuedCertificate> {
  // The whole span, back-dating included, stays within the limit.
  const validForMs = Math.min(options.validForMs, MAX_AGENT_CERTIFICATE_MS - BACKDATE_MS);
  return issueLeaf(ca, {
    now: wholeSecond(options.now),
    validForMs,
    subject: [{ CN: [options.agentId] }, { O: [options.orgId] }],
    publicKey: options.request.publicKey,
    usage: x509.ExtendedKeyUsage.clientAuth,
  });
}
