import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { type CertificateAndKey, createCertificateAuthority } from '@keyfleet/crypto';
import type { Logger } from '@keyfleet/platform';
import { isPair, readPair, writePair } from './pair-files.js';

const AUTHORITY_MS = 10 * 365 * 24 * 3_600_000;
/** There was no agent before: a clock that says otherwise is wrong, and no reason to throw anything away. */
const EARLIEST = Date.UTC(2026, 0, 1);

/** Whether it has begun and not ended. A clock that is surely behind says nothing about the beginning. */
export function isValidAt({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return now < validToDate.getTime() && (now < EARLIEST || validFromDate.getTime() <= now);
}

export interface AuthorityOptions {
  readonly directory: string;
  readonly commonName: string;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * The authority that callers of the API trust: `ca.pem`. They keep copies of it, so it is replaced only where it is not
 * valid; and as that may be a clock set wrong for an hour, the one before is kept and comes back where it is valid again.
 */
export class LocalAuthority {
  readonly #options: AuthorityOptions;

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  get file(): string {
    return join(this.#options.directory, 'ca.pem');
  }

  async at(now: number): Promise<CertificateAndKey> {
    const { directory } = this.#options;
    const kept = readPair(directory, 'ca');
    const before = this.#before(now);
    const isWhole = kept !== undefined && isPair(kept);
    const isFirst = before === undefined || before.certificate === kept?.certificate;
    if (isWhole && isFirst && isValidAt(new X509Certificate(kept.certificate), now)) return kept;
    if (isWhole && !before) writePair(directory, 'ca.before', kept);
    const next = before ?? (await this.#make(now));
    writePair(directory, 'ca', next);
    if (kept) this.#tell(kept, next);
    return next;
  }

  /** Most callers know this one, so it goes first wherever it is valid. */
  #before(now: number): CertificateAndKey | undefined {
    const before = readPair(this.#options.directory, 'ca.before');
    return before && isPair(before) && isValidAt(new X509Certificate(before.certificate), now)
      ? before
      : undefined;
  }

  /** From before there were agents, so that it is valid whenever a clock that is wrong now is put right. */
  #make(now: number): Promise<CertificateAndKey> {
    const from = Math.min(now, EARLIEST);
    const validForMs = Math.max(now, EARLIEST) + AUTHORITY_MS - from;
    return createCertificateAuthority({ commonName: this.#options.commonName, now: from, validForMs });
  }

  #tell(kept: CertificateAndKey, next: CertificateAndKey): void {
    this.#options.logger.warn(
      { caFile: this.file, replaced: spanOf(kept), by: spanOf(next) },
      'The authority of the API was not valid by the clock of this machine and was replaced: callers have to take the new ca.pem',
    );
  }
}

function spanOf({ certificate }: CertificateAndKey) {
  const { fingerprint256, validFrom, validTo } = new X509Certificate(certificate);
  return { fingerprint: fingerprint256, validFrom, validTo };
}
