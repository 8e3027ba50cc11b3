import { X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { type CertificateAndKey, issueServerCertificate, loadCertificateAuthority } from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import type { Logger } from '@keyfleet/platform';
import { isValidAt, LocalAuthority } from './authority.js';
import { isPair, readPair, writePair } from './pair-files.js';

const DAY = 24 * 3_600_000;
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
  readonly logger: Pick<Logger, 'warn'>;
}

/** An authority of the agent's own, made at its first start; callers trust `ca.pem` and nothing else. */
export class LocalTls {
  readonly #options: LocalTlsOptions;
  readonly #authority: LocalAuthority;
  /** Where the disk did not take it. */
  #unwritten: CertificateAndKey | undefined;

  constructor(options: LocalTlsOptions) {
    const { directory, name, logger } = options;
    this.#options = options;
    this.#authority = new LocalAuthority({ directory, commonName: `Keyfleet agent ${name}`, logger });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  get caFile(): string {
    return this.#authority.file;
  }

  /** The certificate to serve with; made, or made anew, where there is none that is good now and for long enough. */
  async certificate(): Promise<CertificateAndKey> {
    const { clock, directory, name, names } = this.#options;
    const now = clock.now();
    const authority = await this.#authority.at(now);
    for (const kept of [readPair(directory, 'server'), this.#unwritten])
      if (kept && this.#isGood(kept, authority, now)) return kept;
    const ca = await loadCertificateAuthority(authority);
    const { certificate, privateKey } = await issueServerCertificate(ca, {
      ...{ commonName: name, names, now },
      validForMs: CERTIFICATE_MS,
    });
    this.#keep({ certificate, privateKey });
    return { certificate, privateKey };
  }

  #isGood(kept: CertificateAndKey, authority: CertificateAndKey, now: number): boolean {
    if (!isPair(kept)) return false;
    const [parsed, issuer] = [
      new X509Certificate(kept.certificate),
      new X509Certificate(authority.certificate),
    ];
    if (!parsed.checkIssued(issuer) || !isValidAt(parsed, now)) return false;
    // One that ends with its authority cannot be had for longer.
    const until = parsed.validToDate.getTime();
    if (until - now < RENEW_BEFORE_MS && until < issuer.validToDate.getTime()) return false;
    return this.#options.names.every((name) => (isIP(name) ? parsed.checkIP(name) : parsed.checkHost(name)));
  }

  /** A full disk is no reason not to serve: the next start makes another one. */
  #keep(issued: CertificateAndKey): void {
    try {
      writePair(this.#options.directory, 'server', issued);
      this.#unwritten = undefined;
    } catch (err) {
      this.#unwritten = issued;
      this.#options.logger.warn(
        { err },
        'The certificate of the API could not be kept; it is served from memory',
      );
    }
  }
}
