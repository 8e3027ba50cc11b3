import { mkdirSync } from 'node:fs';
import { createCertificateAuthority } from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import {
  accountClaims,
  generateBrokerSeeds,
  generateUserSeed,
  natsServerConfig,
  operatorClaims,
  publicKeyOf,
  sameClaims,
  systemAccountClaims,
} from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import { refreshCertificates } from './certificates.js';
import { refreshCredentials } from './credentials.js';
import { type AuthorityKeys, FILES, type Installation, readAuthorityKeys } from './files.js';
import { PrivateTree } from './private-tree.js';

export interface InitialiseOptions {
  /** Gets `authority/`, `services/` and `nats/`; anything already there is kept. */
  readonly directory: string;
  readonly clock: Clock;
  /** Client port of the broker; `-1` lets the server choose. */
  readonly natsPort: number;
  readonly natsHost?: string;
  /** Where the broker says at `/healthz`, on loopback, that it is well; absent means nowhere. */
  readonly natsMonitorPort?: number;
  /** Further names and addresses brokers are reached by, beside 127.0.0.1 and localhost. */
  readonly natsNames?: readonly string[];
  /** Names and addresses agents reach the gateway by over HTTPS; none, no certificate is made for it. */
  readonly gatewayNames?: readonly string[];
}

const TEN_YEARS = 10 * 365 * 86_400_000;

/**
 * Makes an installation's keys, or completes and refreshes what is there. Running it again changes no key; certificates
 * that near their end, and credentials whose rights have changed, are issued anew.
 */
export async function initialise(options: InitialiseOptions): Promise<AuthorityKeys> {
  const tree = new PrivateTree(options.directory);
  if (!tree.has(`authority/${FILES.installation}`)) await found(tree, options.clock);
  const authority = tree.path('authority');
  const installation = await refreshPreload(tree, readAuthorityKeys(authority));
  const keys = { ...readAuthorityKeys(authority), installation };
  await refreshCertificates(tree, { ...options, keys });
  await refreshCredentials(tree, keys);
  writeBrokerConfig(tree, options, installation);
  return keys;
}

/** First start. The file everything else is recognised by is written last: a half-made installation begins again. */
async function found(tree: PrivateTree, clock: Clock): Promise<void> {
  const seeds = generateBrokerSeeds();
  const write = (name: string, text: string) => tree.write(`authority/${name}`, text);
  write(FILES.root.operator, seeds.operator);
  write(FILES.root.account, seeds.account);
  write(FILES.root.systemAccount, seeds.systemAccount);
  write(FILES.operatorSigning, seeds.operatorSigning);
  write(FILES.services, seeds.services);
  write(FILES.agents, seeds.agents);
  write(FILES.command, generateUserSeed());
  write(FILES.system.seed, generateUserSeed());
  const id = newId('ins');
  const ca = await createCertificateAuthority({
    commonName: `Keyfleet ${id}`,
    now: clock.now(),
    validForMs: TEN_YEARS,
  });
  write(FILES.ca.key, ca.privateKey);
  write(FILES.ca.certificate, ca.certificate);
  const systemAccount = publicKeyOf(seeds.systemAccount);
  const operatorJwt = await operatorClaims(seeds.operator, {
    signingKeys: [publicKeyOf(seeds.operatorSigning)],
    systemAccount,
  });
  const account = publicKeyOf(seeds.account);
  const installation: Installation = { id, operatorJwt, systemAccount, account, preload: {} };
  write(FILES.installation, JSON.stringify(installation, null, 2));
}

/**
 * What brokers start with: the services' key, not the agents'. Kept as it is while it means the same, because a broker
 * takes the later of two claims and would prefer a fresh preload to what it was pushed.
 */
async function refreshPreload(tree: PrivateTree, keys: AuthorityKeys): Promise<Installation> {
  const { installation, operatorSigning, services } = keys;
  const { account, systemAccount, preload } = installation;
  const wanted: Record<string, string> = {
    [systemAccount]: await systemAccountClaims(operatorSigning, systemAccount),
    [account]: await accountClaims(operatorSigning, { account, services: publicKeyOf(services), agents: [] }),
  };
  for (const [key, jwt] of Object.entries(preload))
    if (wanted[key] && sameClaims(jwt, wanted[key])) wanted[key] = jwt;
  const refreshed = { ...installation, preload: wanted };
  tree.write(`authority/${FILES.installation}`, JSON.stringify(refreshed, null, 2));
  return refreshed;
}

function writeBrokerConfig(tree: PrivateTree, options: InitialiseOptions, installation: Installation): void {
  const claims = tree.path('nats', 'claims');
  mkdirSync(claims, { recursive: true, mode: 0o700 });
  tree.write(
    'nats/nats-server.conf',
    natsServerConfig({
      ...installation,
      resolverDirectory: claims,
      certificateFile: tree.path('nats', 'server.crt'),
      keyFile: tree.path('nats', 'server.key'),
      caFile: tree.path('nats', 'ca.crt'),
      port: options.natsPort,
      host: options.natsHost,
      monitorPort: options.natsMonitorPort,
    }),
  );
}
