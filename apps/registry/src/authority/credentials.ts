import {
  generateUserSeed,
  parseCredentials,
  SERVICES,
  sameClaims,
  serviceCredentials,
  systemCredentials,
} from '@keyfleet/messaging';
import { type AuthorityKeys, FILES } from './files.js';
import type { PrivateTree } from './private-tree.js';

/** Broker credentials of each service and of the authority. A key is kept; its JWT is signed anew where its rights changed. */
export async function refreshCredentials(tree: PrivateTree, keys: AuthorityKeys): Promise<void> {
  const { account } = keys.installation;
  for (const service of SERVICES) {
    const file = `services/${service}/nats.creds`;
    await refreshOne(tree, file, (seed) =>
      serviceCredentials({ account, servicesSeed: keys.services }, service, seed),
    );
  }
  const root = `authority/${FILES.root.systemAccount}`;
  const file = `authority/${FILES.system.credentials}`;
  // With the root keys moved away, the system user stays as it is.
  if (!tree.has(root) && tree.has(file)) return;
  const systemSeed = tree.read(`authority/${FILES.system.seed}`);
  await refreshOne(tree, file, () => systemCredentials(tree.read(root), account, systemSeed));
}

async function refreshOne(
  tree: PrivateTree,
  file: string,
  make: (seed: string) => Promise<string>,
): Promise<void> {
  const known = tree.has(file) ? parseCredentials(tree.read(file)) : undefined;
  const wanted = await make(known?.seed ?? generateUserSeed());
  if (known && sameClaims(known.jwt, parseCredentials(wanted).jwt)) return;
  tree.write(file, wanted);
}
