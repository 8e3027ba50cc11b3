import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { PostgresBacking } from '../launcher/backing.js';
import { askLauncher } from '../launcher/control.js';
import { Layout } from '../launcher/layout.js';
import { Ports } from '../launcher/ports.js';
import { BackupFailure } from './failure.js';

export type Role = 'owner' | 'store' | 'worker' | 'identity';

/** Where an installation is: its databases by role, and the files a backup holds. */
export interface Place {
  /** `admin` makes and renames databases; only a restore asks for it. */
  url(role: Role | 'admin'): string;
  /** The database the services use. */
  readonly database: string;
  /** Name in the backup (`authority/ca.key`) → path here, whether or not it is there. */
  path(name: string): string;
  /** Folder of the names that begin with this: what holds `authority`, `secrets`. */
  readonly authority: string;
  /** Ends what was started to reach it. */
  close(): Promise<void>;
}

/** Of the secrets, what a restored installation cannot make anew: cursors given out, and how to sign in. */
export const SECRETS = ['cursor-secret', 'admin-password', 'reviewer-password'] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** An installation named by the settings of its services; else the one `npm start` made in this folder. */
export async function findPlace(options: {
  readonly root: string;
  readonly env?: Environment;
  readonly needs: 'backup' | 'restore';
  readonly say: (text: string) => void;
}): Promise<Place> {
  const env = options.env ?? process.env;
  if (env['KEYFLEET_EVENT_STORE__DRIVER'] === 'kurrentdb')
    throw new BackupFailure('backup.kurrentdb', 'The events of this installation are in KurrentDB.');
  if (setting(env, 'KEYFLEET_DATABASE__STORE_URL') !== undefined) return namedPlace(options.root, env);
  return embeddedPlace(options);
}

export function setting(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`];
  return file ? readFileSync(file, 'utf8').trim() : env[name];
}

function namedPlace(root: string, env: Environment): Place {
  const wanted = (name: string): string => {
    const value = setting(env, name);
    if (value) return value;
    throw new BackupFailure('backup.no-installation', `${name} (or ${name}_FILE) is not set.`);
  };
  const state = join(resolve(root), '.keyfleet');
  const authority = env['KEYFLEET_AUTHORITY__DIRECTORY'] ?? join(state, 'authority');
  const cursorFile = env['KEYFLEET_CURSOR__SECRET_FILE'];
  return {
    url: (role) =>
      role === 'admin'
        ? (env['KEYFLEET_POSTGRES_URL'] ?? wanted('KEYFLEET_DATABASE__ADMIN_URL'))
        : wanted(`KEYFLEET_DATABASE__${role.toUpperCase()}_URL`),
    database: databaseOf(wanted('KEYFLEET_DATABASE__STORE_URL')),
    authority,
    path: (name) => {
      if (name.startsWith('authority/')) return join(authority, name.slice('authority/'.length));
      return name === 'secrets/cursor-secret' && cursorFile ? cursorFile : join(state, name);
    },
    close: async () => {},
  };
}

/** Starts its PostgreSQL for as long as this takes, where nothing runs. */
async function embeddedPlace(options: Parameters<typeof findPlace>[0]): Promise<Place> {
  const { root, needs, say } = options;
  const state = join(resolve(root), '.keyfleet');
  if (needs === 'backup' && !existsSync(join(state, 'authority', 'installation.json')))
    throw new BackupFailure('backup.no-installation', 'There is no installation in this folder.');
  const layout = new Layout(root);
  const running = await isRunning(layout);
  if (running && needs === 'restore')
    throw new BackupFailure('restore.running', 'Keyfleet runs in this folder.');
  const ports = new Ports(layout.in('ports.json'));
  const backing = new PostgresBacking(layout, ports, () => {});
  const common = {
    database: 'keyfleet',
    authority: layout.in('authority'),
    path: (name: string) => layout.in(...name.split('/')),
  };
  if (running) {
    const url = (role: Role | 'admin'): string => {
      if (role === 'admin') throw new TypeError('a running installation is not changed');
      return readFileSync(backing.urlFile(`kf_${role}`), 'utf8').trim();
    };
    return { ...common, url, close: async () => {} };
  }
  say('Starting its PostgreSQL…');
  await backing.start(ports);
  ports.save();
  return {
    ...common,
    url: (role) => (role === 'admin' ? backing.adminUrl : backing.urlFor(`kf_${role}`)),
    close: async () => {
      await backing.supervised?.stop();
    },
  };
}

async function isRunning(layout: Layout): Promise<boolean> {
  // Relative: a socket's path may be short only.
  return askLauncher({ command: 'status' }, relative(process.cwd(), layout.in('control.sock'))).then(
    () => true,
    () => false,
  );
}

function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** What of its files is there to be copied, by name in the backup. */
export function filesOf(place: Pick<Place, 'authority' | 'path'>): string[] {
  const names: string[] = [];
  for (const folder of ['', 'root/']) {
    const path = join(place.authority, folder);
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path))
      if (isKept(join(path, name))) names.push(`authority/${folder}${name}`);
  }
  for (const name of SECRETS) if (existsSync(place.path(`secrets/${name}`))) names.push(`secrets/${name}`);
  return names.sort();
}

function isKept(path: string): boolean {
  return statSync(path).isFile() && !path.endsWith('.part');
}
