import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names under the authority's directory. Everything is readable by its owner alone. */
export const FILES = {
  /** Public facts of the installation, and the claims a broker starts with. */
  installation: 'installation.json',
  /** These make signing keys only and may be kept off the machine once the installation is initialised. */
  root: { operator: 'root/operator.nk', account: 'root/account.nk', systemAccount: 'root/system-account.nk' },
  operatorSigning: 'operator-signing.nk',
  services: 'services.nk',
  agents: 'agents.nk',
  command: 'command.nk',
  ca: { certificate: 'ca.crt', key: 'ca.key' },
  system: { seed: 'system.nk', credentials: 'system.creds', certificate: 'system.crt', key: 'system.key' },
  /** The one before or after the one in use, while it is replaced: certificate, public keys. */
  other: { ca: 'ca.other.crt', command: 'command.other.pub', agents: 'agents.other.pub' },
} as const;

/** What `installation.json` holds. */
export interface Installation {
  readonly id: string;
  readonly operatorJwt: string;
  readonly systemAccount: string;
  readonly account: string;
  /** Claims a broker is started with: account public key → JWT. */
  readonly preload: Readonly<Record<string, string>>;
}

/** What the running authority holds; the operator key is not among it. */
export interface AuthorityKeys {
  readonly installation: Installation;
  readonly operatorSigning: string;
  readonly services: string;
  readonly agents: string;
  readonly command: string;
  readonly ca: { readonly certificate: string; readonly privateKey: string };
  readonly otherCa: string | undefined;
  readonly otherCommandKey: string | undefined;
  readonly otherAgentsKey: string | undefined;
}

/** Reads the key material; a missing file names its path, never what others contain. */
export function readAuthorityKeys(directory: string): AuthorityKeys {
  const read = (name: string) => {
    const path = join(directory, name);
    if (!existsSync(path))
      throw new Error(`${path} is missing: run the registry's init for this directory first.`);
    return readFileSync(path, 'utf8').trim();
  };
  const optional = (name: string) => (existsSync(join(directory, name)) ? read(name) : undefined);
  return {
    installation: JSON.parse(read(FILES.installation)) as Installation,
    operatorSigning: read(FILES.operatorSigning),
    services: read(FILES.services),
    agents: read(FILES.agents),
    command: read(FILES.command),
    ca: { certificate: read(FILES.ca.certificate), privateKey: read(FILES.ca.key) },
    otherCa: optional(FILES.other.ca),
    otherCommandKey: optional(FILES.other.command),
    otherAgentsKey: optional(FILES.other.agents),
  };
}
