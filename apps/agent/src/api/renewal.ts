import type { CertificateAndKey } from '@keyfleet/crypto';
import type { Logger } from '@keyfleet/platform';
import type { Api } from './server.js';
import type { LocalTls } from './tls.js';

/** Also how soon a clock that was put right is followed. */
const CHECK_MS = 60_000;

export interface RenewalOptions {
  readonly tls: Pick<LocalTls, 'certificate'>;
  readonly api: Pick<Api, 'useCertificate'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly served: CertificateAndKey;
}

/** Serves with another certificate as soon as there is one. Returns the way to stop. */
export function startRenewal({ tls, api, logger, served }: RenewalOptions): () => void {
  let current = served.certificate;
  const renew = async (): Promise<void> => {
    try {
      const next = await tls.certificate();
      if (next.certificate !== current) api.useCertificate(next);
      current = next.certificate;
    } catch (err) {
      logger.error({ err }, 'The certificate of the API could not be renewed; it will be tried again');
    }
  };
  const timer = setInterval(() => void renew(), CHECK_MS);
  return () => clearInterval(timer);
}
