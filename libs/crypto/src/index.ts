export { canonicalJson } from './chain/canonical.js';
export { canonicalEntry, chainEntry, sha256Hex, type UnhashedEntry } from './chain/entry.js';
export type { ChainedEntry, ChainVerdict } from './chain/verify.js';
export { hashEntry, verifyChain } from './chain/verify.js';
export type { EnvelopeContext } from './envelope/context.js';
export type { EnvelopeFault } from './envelope/envelope.js';
export {
  DATA_KEY_BYTES,
  ENVELOPE_OVERHEAD_BYTES,
  openEnvelope,
  sealEnvelope,
} from './envelope/envelope.js';
export { keyedHash, nameReference } from './hash/keyed.js';
export { createMasterKeyFile, openMasterKeyFile } from './keys/file.js';
export type { KeyContext, KeyProvider, KeyProviderDescription } from './keys/provider.js';
export { randomSecret, wipeableBuffer } from './keys/wipeable.js';
export {
  type NkeySigner,
  newNkeySeed,
  nkeyPublicKey,
  nkeySigner,
  verifyNkeySignature,
} from './nkey/signature.js';
export type {
  CertificateAndKey,
  CertificateAuthority,
  IssuedCertificate,
  IssueOptions,
} from './x509/issue.js';
export {
  createCertificateAuthority,
  issueAgentCertificate,
  issueServerCertificate,
  issueServiceCertificate,
  loadCertificateAuthority,
  MAX_AGENT_CERTIFICATE_MS,
} from './x509/issue.js';
export { type KeyKind, keyIdOf } from './x509/keys.js';
export type { CertificateRequest } from './x509/request.js';
export { createCertificateRequest, readCertificateRequest } from './x509/request.js';
export { certificatePin, splitPem, trustBundle } from './x509/trust.js';
