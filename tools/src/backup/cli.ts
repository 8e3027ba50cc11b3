import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivate } from '@keyfleet/embedded';
import { systemClock } from '@keyfleet/platform';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Databases } from './databases.js';
import { declareRestore } from './declare.js';
import { BackupFailure, isBackupFailure } from './failure.js';
import { leaveMetrics } from './measure.js';
import { migrateByApp } from './migrate-app.js';
import { BACKUP_USAGE, type Given, keyOf, lockOf, parseBackupArgs } from './options.js';
import { findPlace } from './place.js';
import { readBackup } from './read.js';
import { describeRestored } from './report.js';
import { restore } from './restore.js';
import { writeBackup } from './write.js';

/** `keyfleet backup …` and `keyfleet restore …` in the folder of an installation. Resolves with the exit code. */
export async function backupCommand(what: 'backup' | 'restore', argv: readonly string[]): Promise<number> {
  try {
    const { values: given, positionals } = parseBackupArgs(argv);
    if (given.help) {
      process.stdout.write(`${BACKUP_USAGE}\n`);
      return 0;
    }
    if (what === 'restore') return await restoring(given, positionals);
    const [sub, file] = positionals;
    if (sub === undefined) return await backup(given);
    if (sub === 'key') return await makeKey(given);
    if (sub === 'verify' && file) return await verify(given, file);
    throw new BackupFailure('backup.usage', 'This is not understood.');
  } catch (error) {
    if (!isBackupFailure(error)) throw error;
    say(`${error.code}: ${error.message}\n${error.remedy}`);
    return error.exitCode;
  }
}

function restoring(given: Given, positionals: readonly string[]): Promise<number> {
  if (given['drop-previous']) return dropPrevious(given);
  return given.declare === undefined ? restoreIt(given, positionals) : declare(given.declare);
}

async function backup(given: Given): Promise<number> {
  const lock = await lockOf(given);
  const place = await findPlace({ root: process.cwd(), needs: 'backup', say });
  try {
    const output = given.output ?? `keyfleet-${stamp()}.age`;
    const progress = new Progress();
    const { head, manifest, bytes } = await writeBackup({
      place,
      output,
      lock,
      version: versionOf(process.cwd()),
      onProgress: progress.tell,
    });
    progress.end();
    leaveMetrics(process.cwd(), { takenAt: head.takenAt, bytes });
    const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    const hasRoot = head.files.some(({ name }) => name.startsWith('authority/root/'));
    say(`${output}: ${rows} rows, ${head.files.length} files, ${megabytes(bytes)}, as of ${head.takenAt}.`);
    if (!hasRoot) say('The operator’s root keys are kept elsewhere and are not in it.');
    if (given.json)
      print({
        output,
        bytes,
        rows,
        takenAt: head.takenAt,
        position: head.position,
        installationId: head.installationId,
      });
    return 0;
  } finally {
    await place.close();
  }
}

async function verify(given: Given, file: string): Promise<number> {
  const key = await keyOf(given);
  const progress = new Progress();
  const { head, manifest, bytes } = await readBackup({ file, key, onProgress: progress.tell });
  progress.end();
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
  say(
    `${file} is whole: ${rows} rows, ${head.files.length} files, ${megabytes(bytes)}, as of ${head.takenAt}.`,
  );
  if (given.json)
    print({
      file,
      bytes,
      rows,
      takenAt: head.takenAt,
      position: head.position,
      installationId: head.installationId,
    });
  return 0;
}

async function restoreIt(given: Given, [file]: readonly string[]): Promise<number> {
  if (!file) throw new BackupFailure('backup.usage', 'Name the file to restore.');
  const key = await keyOf(given);
  const root = process.cwd();
  const place = await findPlace({ root, needs: 'restore', say });
  try {
    const progress = new Progress();
    const restored = await restore({
      place,
      file,
      key,
      clock: systemClock,
      migrate: migrateByApp(root),
      dryRun: given['dry-run'],
      replaceInstallation: given['replace-installation'],
      revokeApiTokens: given['revoke-api-tokens'],
      onProgress: progress.tell,
      onStep: (text) => {
        progress.end();
        say(text);
      },
    });
    progress.end();
    say(describeRestored(restored));
    if (given.json)
      print({ takenAt: restored.head.takenAt, position: restored.head.position, ...restored.done });
    return 0;
  } finally {
    await place.close();
  }
}

async function declare(takenAt: string): Promise<number> {
  await declareRestore({ root: process.cwd(), env: process.env, clock: systemClock, takenAt, say });
  say('It is written down: agents enrolled since that moment are taken back.');
  return 0;
}

async function dropPrevious(given: Given): Promise<number> {
  const place = await findPlace({ root: process.cwd(), needs: 'restore', say });
  try {
    const dropped = await new Databases(place.url('admin'), place.database).dropPrevious();
    say(dropped.length === 0 ? 'There is none.' : `Dropped ${dropped.join(', ')}.`);
    if (given.json) print({ dropped });
    return 0;
  } finally {
    await place.close();
  }
}

/** As age-keygen does, for whoever has none. */
async function makeKey({ output }: Given): Promise<number> {
  if (!output) throw new BackupFailure('backup.usage', 'Name the file for the key with --output.');
  if (existsSync(output)) throw new BackupFailure('backup.file-exists', `${output} is there already.`);
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  writePrivate(output, `# public key: ${recipient}\n${identity}\n`);
  say(
    `${output} opens what is encrypted for the recipient below. Keep it away from this machine and from its backups.`,
  );
  process.stdout.write(`${recipient}\n`);
  return 0;
}

function versionOf(root: string): string {
  const file = join(root, 'package.json');
  if (!existsSync(file)) return 'unknown';
  return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version ?? 'unknown');
}

/** One line that is written over on a terminal, and nothing where nobody looks. */
class Progress {
  #shown = 0;
  #dirty = false;

  readonly tell = ({ table, rows }: { readonly table: string; readonly rows: number }): void => {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#shown < 200) return;
    this.#shown = now;
    this.#dirty = true;
    process.stderr.write(`\r${table}: ${rows.toLocaleString('en')} rows`.padEnd(60));
  };

  end(): void {
    if (this.#dirty) process.stderr.write('\n');
    this.#dirty = false;
  }
}

const stamp = (): string => new Date(systemClock.now()).toISOString().replaceAll(/\D/g, '').slice(0, 14);
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const print = (result: object): void => void process.stdout.write(`${JSON.stringify(result)}\n`);
