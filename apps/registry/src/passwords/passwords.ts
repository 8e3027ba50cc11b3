import { randomBytes } from 'node:crypto';
import { DATABASE_ROLES, type DatabaseRole } from '@keyfleet/embedded';
import { PrivateTree } from '../authority/private-tree.js';

export interface ServersToReach {
  /** Gets a folder for each process; any password already there is kept. */
  readonly directory: string;
  /** `host:port` as services reach it. */
  readonly postgres: string;
  readonly database: string;
  /** `host:port` as services reach it. */
  readonly redis: string;
  readonly eventStoreUrl: string;
}

/** Roles each service signs in as; the event store is reached by its own address. */
const ROLES: Readonly<Record<string, readonly DatabaseRole[]>> = {
  gateway: ['kf_auth', 'kf_reader'],
  registry: ['kf_worker', 'kf_identity'],
  policy: ['kf_worker'],
  analytics: ['kf_worker'],
  notify: ['kf_worker'],
};
const REACH_REDIS = ['gateway', 'policy', 'notify'];

/**
 * Every password of an installation whose servers run beside it, and the addresses that carry them. A server's own
 * folder is readable by its group, for servers that run as another user; all the rest by the owner alone.
 */
export function makePasswords(options: ServersToReach): void {
  const tree = new PrivateTree(options.directory);
  const secret = (name: string): string => {
    if (!tree.has(name)) tree.write(name, randomBytes(32).toString('base64url'));
    return tree.read(name);
  };
  const roleSecret = (role: DatabaseRole) => secret(`migrate/passwords/${shortName(role)}`);
  const databaseUrl = (role: string, password: string, database: string) =>
    `postgres://${role}:${password}@${options.postgres}/${database}`;

  const superuser = secret('migrate/passwords/superuser');
  tree.write('postgres/superuser-password', superuser, { group: true });
  tree.write('migrate/database-admin-url', databaseUrl('postgres', superuser, 'postgres'));
  for (const role of DATABASE_ROLES) roleSecret(role);
  tree.write('migrate/database-owner-url', databaseUrl('kf_owner', roleSecret('kf_owner'), options.database));

  const redis = secret('redis/password');
  tree.write('redis/password', redis, { group: true });
  tree.write('redis/redis.conf', `bind * -::*\nsave ""\nrequirepass ${redis}`, { group: true });

  for (const [service, roles] of Object.entries(ROLES)) {
    const own = (name: string, text: string) => tree.write(`services/${service}/${name}`, text);
    for (const role of roles)
      own(`database-${shortName(role)}-url`, databaseUrl(role, roleSecret(role), options.database));
    if (REACH_REDIS.includes(service)) own('redis-url', `redis://:${redis}@${options.redis}`);
    if (service !== 'gateway') own('event-store-url', options.eventStoreUrl);
  }
  secret('services/gateway/cursor-secret');
  secret('admin/password');
}

function shortName(role: DatabaseRole): string {
  return role.replace('kf_', '');
}
