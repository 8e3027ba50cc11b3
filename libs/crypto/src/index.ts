export { canonicalJson } from './chain/canonical.js';
export { canonicalEntry, chainEntry, sha256Hex, type UnhashedEntry } from './chain/entry.js';
export { nkeyPublicKey, nkeySigner, verifyNkeySignature } from './nkey/signature.js';
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
  keyIdOf,
  loadCertificateAuthority,
  MAX_AGENT_CERTIFICATE_MS,
} from './x509/issue.js';
export type { KeyKind } from './x509/keys.js';
export type { CertificateRequest } from './x509/request.js';
export { createCertificateRequest, readCertificateRequest } from './x509/request.js';
export { certificatePin, splitPem, trustBundle } from './x509/trust.js';
