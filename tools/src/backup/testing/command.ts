import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { World } from './world.js';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
/** As built: `npm test` builds first, and the migrations run as a process of their own anyway. */
export const KEYFLEET = join(ROOT, 'tools/dist/keyfleet.js');

/** Makes the world's folder one the built command can be run in; what it has to be told in its environment. */
export function runnable(world: World): NodeJS.ProcessEnv {
  symlinkSync(world.directory, join(world.directory, '.keyfleet'));
  symlinkSync(join(ROOT, 'apps'), join(world.directory, 'apps'));
  return {
    ...process.env,
    KEYFLEET_DATABASE__STORE_URL: world.place.url('store'),
    KEYFLEET_DATABASE__WORKER_URL: world.place.url('worker'),
    KEYFLEET_DATABASE__IDENTITY_URL: world.place.url('identity'),
    KEYFLEET_DATABASE__OWNER_URL: world.place.url('owner'),
    KEYFLEET_POSTGRES_URL: world.place.url('admin'),
  };
}
