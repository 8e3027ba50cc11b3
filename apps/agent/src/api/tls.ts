import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  type CertificateAndKey,
  createCertificateAuthority,
  issueServerCertificate,
  loadCertificateAuthority,
} from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import { writePrivateFile } from '../files.js';

const DAY = 24 * 3_600_000;
const AUTHORITY_MS = 10 * 365 * DAY;
const CERTIFICATE_MS = 90 * DAY;
/** Renewed with so much left, so that a machine that sleeps for weeks wakes up with a good one. */
const RENEW_BEFORE_MS = 60 * DAY;

export interface LocalTlsOptions {
  readonly directory: string;
  /** The agent's name. */
  readonly name: string;
  /** What callers know the agent by: DNS names and addresses. */
  readonly names: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
}

/** An authority of the agent's own, made at its first start; callers trust `ca.pem` and nothing else. */
export class LocalTls {
  readonly #options: LocalTlsOptions;

  constructor(options: LocalTlsOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  }

  get caFile(): string {
    return this.#in('ca.pem');
  }

  /** The certificate to serve with; made, or made anew, where there is none that is good for long enough. */
  async certificate(): Promise<CertificateAndKey> {
    const now = this.#options.clock.now();
    const authority = await this.#authority(now);
    const kept = this.#read('server.pem', 'server.key');
    if (kept && this.#isGood(kept, authority.certificate, now)) return kept;
    const ca = await loadCertificateAuthority(authority);
    const { name, names } = this.#options;
    const issued = await issueServerCertificate(ca, {
      commonName: name,
      names,
      now,
      validForMs: CERTIFICATE_MS,
    });
    this.#write('server.key', issued.privateKey);
    this.#write('server.pem', issued.certificate);
    return { certificate: issued.certificate, privateKey: issued.privateKey };
  }

  async #authority(now: number): Promise<CertificateAndKey> {
    const kept = this.#read('ca.pem', 'ca.key');
    if (kept) return kept;
    const commonName = `Keyfleet agent ${this.#options.name}`;
    const made = await createCertificateAuthority({ commonName, now, validForMs: AUTHORITY_MS });
    // The key first: a certificate without its key would be taken for a whole authority.
    this.#write('ca.key', made.privateKey);
    this.#write('ca.pem', made.certificate);
    return made;
  }

  /** Also where the process was killed between writing the key and its certificate. */
  #isGood(kept: CertificateAndKey, authority: string, now: number): boolean {
    const parsed = new X509Certificate(kept.certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(kept.privateKey))) return false;
    if (!parsed.checkIssued(new X509Certificate(authority))) return false;
    if (parsed.validToDate.getTime() - now < RENEW_BEFORE_MS) return false;
    return this.#options.names.every((name) => (isIP(name) ? parsed.checkIP(name) : parsed.checkHost(name)));
  }

  #read(certificateName: string, keyName: string): CertificateAndKey | undefined {
    const [certificateFile, keyFile] = [this.#in(certificateName), this.#in(keyName)];
    if (!existsSync(certificateFile) || !existsSync(keyFile)) return undefined;
    return { certificate: readFileSync(certificateFile, 'utf8'), privateKey: readFileSync(keyFile, 'utf8') };
  }

  #write(name: string, content: string): void {
    writePrivateFile(this.#in(name), content);
  }

  #in(name: string): string {
    return join(this.#options.directory, name);
  }
}
