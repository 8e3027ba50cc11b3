import { urlOfDatabase } from '@keyfleet/embedded';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { closeSql } from '@keyfleet/postgres';
import { type Checked, checkLoaded } from './check.js';
import type { Key } from './crypt.js';
import { Databases, restoringName } from './databases.js';
import { BackupFailure } from './failure.js';
import { type FilePlan, installationHere, planFiles, writeFiles } from './files.js';
import type { BackupHead } from './format.js';
import { Loader } from './load.js';
import type { Place } from './place.js';
import { type BackupRead, type BackupSink, readBackup, sinkCause } from './read.js';
import { type OldDatabase, type Settled, settle } from './settle.js';
import { openPool } from './snapshot.js';

/** Brings a database to a release: the one of the backup where `upTo` is given, else the newest of this build. */
export type Migrate = (ownerUrl: string, upTo?: BackupHead['migrations']) => Promise<void>;

export interface RestoreOptions {
  readonly place: Place;
  readonly file: string;
  readonly key: Key;
  readonly migrate: Migrate;
  readonly clock: Clock;
  /** Everything is looked at and nothing changed. */
  readonly dryRun?: boolean;
  /** What is here is another installation and is to become this one. */
  readonly replaceInstallation?: boolean;
  readonly revokeApiTokens?: boolean;
  readonly onStep?: (text: string) => void;
  readonly onProgress?: (progress: { readonly table: string; readonly rows: number }) => void;
}

export interface Restored {
  readonly head: BackupHead;
  readonly files: FilePlan;
  /** Undefined after a dry run. */
  readonly done?: Settled & {
    readonly checked: Checked;
    /** The database as it was; undefined where there was none. */
    readonly previous: string | undefined;
    readonly seconds: { readonly verify: number; readonly load: number; readonly check: number };
  };
}

/**
 * Verifies the whole file, loads it into a database beside, checks that one, and only then lets both change places. The
 * old one is kept. Until the names are changed, nothing of the installation is touched.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { place, onStep = () => {} } = options;
  const seconds = { verify: 0, load: 0, check: 0 };
  const databases = new Databases(place.url('admin'), place.database);
  onStep('Verifying the whole backup');
  const verified = await timed(seconds, 'verify', () => read(options));
  return databases.alone(() => restoreVerified(options, { verified, databases, seconds }));
}

interface Restoring {
  readonly verified: BackupRead;
  readonly databases: Databases;
  readonly seconds: { verify: number; load: number; check: number };
}

async function restoreVerified(
  options: RestoreOptions,
  { verified, databases, seconds }: Restoring,
): Promise<Restored> {
  const { place, dryRun, onStep = () => {} } = options;
  const { foreign, old } = await refuse(options, databases, verified.head);
  const names = verified.head.files.map(({ name }) => name);
  const files = planFiles(place, names, foreign);
  if (dryRun) return { head: verified.head, files };
  try {
    onStep('Making a database beside the one in use');
    await databases.makeBeside();
    const beside = besideOf(place);
    await options.migrate(beside.url('owner'), verified.head.migrations);
    onStep('Loading');
    const content = await timed(seconds, 'load', () => load(options, verified));
    onStep('Checking what was loaded');
    const checked = await timed(seconds, 'check', () => checkLoaded(beside, verified.manifest));
    await options.migrate(beside.url('owner'));
    const settled = await settle(options, verified.head, { beside, old });
    const previous = await toTheEnd(() => change(options, databases, { content, plan: files }));
    return { head: verified.head, files, done: { checked, ...settled, previous, seconds } };
  } catch (error) {
    await databases.dropBeside().catch(() => {});
    throw error;
  }
}

function read({ file, key, onProgress }: RestoreOptions, sink?: BackupSink): Promise<BackupRead> {
  return readBackup({ file, key, onProgress }, sink).catch((error: unknown) => {
    throw sinkCause(error);
  });
}

/** What is here already, after it was said to be meant. */
interface Here {
  /** Keys or events of another installation. */
  readonly foreign: boolean;
  readonly old: OldDatabase;
}

async function refuse(options: RestoreOptions, databases: Databases, head: BackupHead): Promise<Here> {
  const { place, replaceInstallation } = options;
  await databases.refuseUsed();
  const there = await databases.exists();
  const byKeys = installationHere(place);
  const byEvents = there ? await installationInDatabase(place) : undefined;
  const isOther = (id: string | undefined): id is string => id !== undefined && id !== head.installationId;
  const other = [byKeys, byEvents].find(isOther);
  if (other && !replaceInstallation)
    throw new BackupFailure(
      'restore.foreign',
      `Here is installation ${other}, and the backup is of ${head.installationId}.`,
    );
  const old = isOther(byEvents ?? byKeys) ? 'foreign' : 'ours';
  return { foreign: other !== undefined, old: there ? old : 'none' };
}

/** By the facts about its own sight, which every installation writes when it first starts. */
async function installationInDatabase(place: Place): Promise<string | undefined> {
  const pool = openPool(place.url('store'), 'keyfleet-restore');
  try {
    const [row] = await pool<{ stream: string }[]>`
      select stream from store.streams where stream like 'detection-ins%' or stream like 'installation-ins%' limit 1`;
    return row?.stream.slice(row.stream.indexOf('-') + 1);
  } catch {
    // Empty, or damaged: whose it was is not known, and it is kept all the same.
    return undefined;
  } finally {
    await closeSql(pool);
  }
}

function besideOf(place: Place): Place {
  const url: Place['url'] = (role) => urlOfDatabase(place.url(role), restoringName(place.database));
  return { ...place, url, database: restoringName(place.database) };
}

/** Read a second time, and believed no more than the first: what is loaded is committed when all of it was right. */
async function load(options: RestoreOptions, verified: BackupRead): Promise<ReadonlyMap<string, Buffer>> {
  const loader = new Loader(options.place, restoringName(options.place.database));
  const files = new Map<string, Buffer>();
  try {
    const again = await read(options, {
      head: async (head) => loader.begin(head),
      file: async (name, content) => void files.set(name, content),
      rows: (table, rows) => loader.rows(table, rows),
    });
    if (JSON.stringify(again.manifest) !== JSON.stringify(verified.manifest))
      throw new BackupFailure('restore.damaged', 'The file was changed while it was restored.');
    await loader.commit();
    return files;
  } catch (error) {
    await loader.abandon();
    throw error;
  }
}

/** What takes a moment and may not be left half done is not ended by a signal that asks for it. */
async function toTheEnd<T>(work: () => Promise<T>): Promise<T> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const wait = (): void => {};
  for (const signal of signals) process.on(signal, wait);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, wait);
  }
}

/** Everything is ready: the names change at once, then the files are put where none are. */
async function change(
  { place, clock, onStep = () => {} }: RestoreOptions,
  databases: Databases,
  { content, plan }: { readonly content: ReadonlyMap<string, Buffer>; readonly plan: FilePlan },
): Promise<string | undefined> {
  const stamp = toTimestamp(clock.now()).replaceAll(/\D/g, '').slice(0, 14);
  onStep('Putting it in place');
  await databases.refuseUsed();
  const previous = await databases.switch(stamp);
  try {
    const store = createPostgresEventStore({ url: place.url('store'), name: 'keyfleet-restore' });
    await store.headPosition().finally(() => store.close());
    writeFiles(place, content, { plan, stamp });
  } catch (error) {
    await databases.switchBack(previous).catch((cause: unknown) => {
      throw new BackupFailure('restore.not-undone', `The database as it was is ${previous ?? 'none'}.`, {
        cause,
      });
    });
    throw error;
  }
  return previous;
}

async function timed<K extends string, T>(
  into: Record<K, number>,
  name: K,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    into[name] = Math.round((performance.now() - started) / 10) / 100;
  }
}
