import { join, resolve } from 'node:path';
import { EVENT_STORE_DRIVERS, openEventStore } from '@keyfleet/event-store/open';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { BackupFailure } from './failure.js';
import { installationHere } from './files.js';
import { type Environment, findPlace, type Place, setting } from './place.js';
import { recordRestore } from './record.js';

export interface DeclareOptions {
  readonly root: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** RFC 3339: of what moment the stores are that were put back by other means. */
  readonly takenAt: string;
  readonly say: (text: string) => void;
}

/**
 * Writes down that stores were put back by other means than `restore`: from then on agents enrolled since that moment
 * are taken back. It may be done while everything runs, and more than once.
 */
export async function declareRestore(options: DeclareOptions): Promise<void> {
  const takenAt = Date.parse(options.takenAt);
  if (!(takenAt <= options.clock.now()))
    throw new BackupFailure('backup.usage', 'Name a moment that has passed, as 2026-01-31T12:00:00Z.');
  const { root, env, say, clock } = options;
  const driver = EVENT_STORE_DRIVERS.find((one) => one === env['KEYFLEET_EVENT_STORE__DRIVER']) ?? 'postgres';
  const place = driver === 'postgres' ? await findPlace({ root, env, needs: 'backup', say }) : undefined;
  const store = await openEventStore({
    driver,
    url: setting(env, 'KEYFLEET_EVENT_STORE__URL'),
    databaseUrl: place?.url('store'),
    name: 'keyfleet-restore',
  });
  try {
    const installationId = installationHere(place ?? keysOf(root, env));
    if (!installationId)
      throw new BackupFailure('backup.no-installation', 'There is no authority/installation.json.');
    const moment = { installationId, takenAt: toTimestamp(takenAt), position: await store.headPosition() };
    await recordRestore(store, moment, toTimestamp(clock.now()));
  } finally {
    await store.close();
    await place?.close();
  }
}

function keysOf(root: string, env: Environment): Pick<Place, 'path'> {
  const authority = env['KEYFLEET_AUTHORITY__DIRECTORY'] ?? join(resolve(root), '.keyfleet', 'authority');
  return { path: (name) => join(authority, name.replace(/^authority\//, '')) };
}
