import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateAndKey } from '@keyfleet/crypto';
import { writePrivateFile } from '../files.js';

/** A certificate and its key in two files: `ca` is `ca.pem` and `ca.key`. Undefined where there are not both. */
export function readPair(directory: string, name: string): CertificateAndKey | undefined {
  const [certificate, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  if (!existsSync(certificate) || !existsSync(key)) return undefined;
  return { certificate: readFileSync(certificate, 'utf8'), privateKey: readFileSync(key, 'utf8') };
}

/** The key first: a certificate without its key would be taken for a whole pair. */
export function writePair(directory: string, name: string, pair: CertificateAndKey): void {
  writePrivateFile(join(directory, `${name}.key`), pair.privateKey);
  writePrivateFile(join(directory, `${name}.pem`), pair.certificate);
}

/** False where the process was killed between writing the key and its certificate. */
export function isPair({ certificate, privateKey }: CertificateAndKey): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
}
