import { createHash, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';

/** The server showed no chain that leads to the pinned authority. Nothing was sent to it. */
export class PinMismatch extends Error {
  constructor() {
    super('The server does not show the authority this enrolment token pins.');
    this.name = 'PinMismatch';
  }
}

export interface ProbeOptions {
  readonly url: URL;
  /** SHA-256 (hex) of the authority's DER. */
  readonly pin: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export function certificateDigest(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

/**
 * Asks a server for its certificates and finds the pinned authority among them: PEM. This only fetches it; the request
 * that carries the token is verified against it as the only authority, by the TLS library, name and dates included.
 * Throws PinMismatch where it is not there or did not sign what the server shows.
 */
export async function fetchPinnedAuthority(options: ProbeOptions): Promise<string> {
  const chain = await shownChain(options);
  const at = chain.findIndex((certificate) => certificateDigest(certificate) === options.pin);
  const authority = chain[at];
  if (!authority || !isSignedChain(chain.slice(0, at + 1))) throw new PinMismatch();
  return authority.toString();
}

function isSignedChain(chain: readonly X509Certificate[]): boolean {
  return chain.every((certificate, index) => {
    const issuer = chain[index + 1];
    return !issuer || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  });
}

/** Leaf first, as the server sent them. Nothing is believed yet, so nothing is refused yet. */
function shownChain({ url, timeoutMs, signal }: ProbeOptions): Promise<X509Certificate[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port) || 443,
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    });
    const stop = () => socket.destroy(new Error('given up'));
    signal.addEventListener('abort', stop, { once: true });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('the server does not answer')));
    socket.once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', stop));
    socket.once('secureConnect', () => {
      const chain: X509Certificate[] = [];
      for (let next = socket.getPeerX509Certificate(); next; next = next.issuerCertificate) {
        if (chain.some((known) => known.fingerprint256 === next?.fingerprint256)) break;
        chain.push(next);
      }
      socket.destroy();
      resolve(chain);
    });
  });
}
