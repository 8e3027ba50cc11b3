import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type CertificateAndKey,
  type CertificateAuthority,
  type IssuedCertificate,
  issueServerCertificate,
  issueServiceCertificate,
  loadCertificateAuthority,
  trustBundle,
} from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import { SERVICES } from '@keyfleet/messaging';
import { type AuthorityKeys, FILES } from './files.js';
import type { PrivateTree } from './private-tree.js';

/** Read again at each start; a year leaves room for installations that are rarely restarted. */
const VALID_FOR_MS = 365 * 86_400_000;
/** Below this share of its life a certificate is issued anew. */
const REFRESH_AT = 1 / 3;

type Issue = () => Promise<IssuedCertificate & CertificateAndKey>;

export interface CertificateOptions {
  readonly keys: AuthorityKeys;
  readonly clock: Clock;
  /** Names and addresses of brokers beside 127.0.0.1 and localhost. */
  readonly natsNames?: readonly string[];
  /** Names and addresses of the gateway, for agents that enrol over HTTPS; none, no certificate. */
  readonly gatewayNames?: readonly string[];
}

/** Authorities to believe: the one in use and the one before or after it. */
export function bundleOf(keys: Pick<AuthorityKeys, 'ca' | 'otherCa'>): string {
  return trustBundle(keys.ca.certificate, ...(keys.otherCa ? [keys.otherCa] : []));
}

/** The broker's certificate, one for each service and one for the authority itself, wherever one is missing or near its end. */
export async function refreshCertificates(tree: PrivateTree, options: CertificateOptions): Promise<void> {
  const { keys, clock } = options;
  const ca = await loadCertificateAuthority(keys.ca);
  const bundle = bundleOf(keys);
  const life = { now: clock.now(), validForMs: VALID_FOR_MS };
  const names = ['127.0.0.1', 'localhost', ...(options.natsNames ?? [])];
  const refresh = (certificate: string, key: string, issue: Issue, wanted: readonly string[] = []) =>
    refreshOne(tree, { certificate, key, issue, ca, now: life.now, names: wanted });
  await refresh(
    'nats/server.crt',
    'nats/server.key',
    () => issueServerCertificate(ca, { ...life, commonName: 'keyfleet broker', names }),
    names,
  );
  const gateway = options.gatewayNames ?? [];
  // Agents look for the authority their token pins in what the gateway shows, so it shows its authority too.
  const issueForGateway = async () => {
    const issued = await issueServerCertificate(ca, {
      ...life,
      commonName: 'keyfleet gateway',
      names: gateway,
    });
    return { ...issued, certificate: `${issued.certificate.trimEnd()}\n${keys.ca.certificate}` };
  };
  if (gateway.length > 0)
    await refresh('services/gateway/http.crt', 'services/gateway/http.key', issueForGateway, gateway);
  tree.write('nats/ca.crt', bundle);
  for (const service of SERVICES) {
    await refresh(`services/${service}/tls.crt`, `services/${service}/tls.key`, () =>
      issueServiceCertificate(ca, { ...life, service }),
    );
    tree.write(`services/${service}/ca.crt`, bundle);
  }
  const { certificate, key } = FILES.system;
  await refresh(`authority/${certificate}`, `authority/${key}`, () =>
    issueServiceCertificate(ca, { ...life, service: 'authority' }),
  );
}

interface Slot {
  readonly certificate: string;
  readonly key: string;
  readonly issue: Issue;
  readonly ca: CertificateAuthority;
  readonly now: number;
  readonly names: readonly string[];
}

async function refreshOne(tree: PrivateTree, slot: Slot): Promise<void> {
  if (tree.has(slot.certificate) && tree.has(slot.key) && isGood(tree.read(slot.certificate), slot)) return;
  const issued = await slot.issue();
  // The key first: a certificate that is there always has its key.
  tree.write(slot.key, issued.privateKey);
  tree.write(slot.certificate, issued.certificate);
}

function isGood(pem: string, { ca, now, names }: Slot): boolean {
  const certificate = new X509Certificate(pem);
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const fresh = to - now > (to - from) * REFRESH_AT;
  const ours = certificate.verify(new X509Certificate(ca.certificate).publicKey);
  return fresh && ours && names.every((name) => speaksFor(certificate, name));
}

function speaksFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
}
