import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { encrypted, type Lock } from './crypt.js';
import { BackupFailure } from './failure.js';
import {
  type BackupHead,
  type BackupManifest,
  FORMAT,
  HEAD_ENTRY,
  headSchema,
  MANIFEST_ENTRY,
  tableEntry,
} from './format.js';
import { filesOf, type Place } from './place.js';
import { columnsOf, openSnapshot, type Snapshot } from './snapshot.js';
import { KEPT_TABLES, type KeptTable } from './tables.js';
import { tarEnd, tarHeader, tarPadding } from './tar.js';

export interface BackupOptions {
  readonly place: Place;
  readonly output: string;
  readonly lock: Lock;
  readonly version: string;
  readonly onProgress?: (progress: {
    readonly table: string;
    readonly rows: number;
    readonly bytes: number;
  }) => void;
}

export interface BackupDone {
  readonly head: BackupHead;
  readonly manifest: BackupManifest;
  readonly bytes: number;
}

const PART_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Writes one file, whole or not at all; plain rows exist in memory only, a few MiB at a time. */
export async function writeBackup(options: BackupOptions): Promise<BackupDone> {
  const { output, lock } = options;
  if (existsSync(output)) throw new BackupFailure('backup.file-exists', `${output} is there already.`);
  const part = `${output}.part`;
  const archive = new Archive(options);
  try {
    const zipped = Readable.from(archive.bytes(), { objectMode: true, highWaterMark: 2 });
    const gzip = createGzip({ level: 1 });
    zipped.on('error', (error) => gzip.destroy(error));
    zipped.pipe(gzip);
    await pipeline(Readable.from(encrypted(gzip, lock)), createWriteStream(part, { mode: 0o600 }));
    const bytes = await settle(part, output);
    return { ...archive.done, bytes };
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** A name that is there means a file that is whole, also after a power loss. */
async function settle(part: string, output: string): Promise<number> {
  const file = await open(part, 'r+');
  await file.sync();
  const { size } = await file.stat();
  await file.close();
  renameSync(part, output);
  const folder = await open(dirname(output), 'r');
  await folder.sync().finally(() => folder.close());
  return size;
}

class Archive {
  readonly #options: BackupOptions;
  readonly #now = Date.now();
  #head: BackupHead | undefined;
  #manifest: BackupManifest | undefined;

  constructor(options: BackupOptions) {
    this.#options = options;
  }

  get done(): { head: BackupHead; manifest: BackupManifest } {
    if (!this.#head || !this.#manifest) throw new TypeError('the backup is not finished');
    return { head: this.#head, manifest: this.#manifest };
  }

  /**
   * Files are read before the snapshot and compared after it: keys change by an operator's act only, and where one
   * happened meanwhile the backup begins again. So they are those of the snapshot's moment.
   */
  async *bytes(): AsyncGenerator<Buffer> {
    const files = readFiles(this.#options.place);
    const snapshot = await openSnapshot(this.#options.place);
    try {
      const head = await this.#describe(snapshot, files);
      const headText = JSON.stringify(head, null, 2);
      yield* this.#entry(HEAD_ENTRY, Buffer.from(headText));
      for (const { name, content } of files) yield* this.#entry(`files/${name}`, content);
      const tables: BackupManifest['tables'] = [];
      for (const table of KEPT_TABLES) tables.push(yield* this.#table(snapshot, head, table));
      refuseChanged(files, readFiles(this.#options.place));
      const manifest: BackupManifest = {
        format: FORMAT,
        headSha256: sha256(headText),
        files: files.map(({ name, content }) => ({ name, bytes: content.length, sha256: sha256(content) })),
        tables,
      };
      yield* this.#entry(MANIFEST_ENTRY, Buffer.from(JSON.stringify(manifest)));
      yield tarEnd;
      this.#head = head;
      this.#manifest = manifest;
    } finally {
      await snapshot.close();
    }
  }

  *#entry(name: string, content: Buffer): Generator<Buffer> {
    yield tarHeader(name, content.length, this.#now);
    yield content;
    yield tarPadding(content.length);
  }

  async #describe(snapshot: Snapshot, files: readonly KeptFile[]): Promise<BackupHead> {
    const [now] = await snapshot.as('store')<{ at: string; version: string; position: string }[]>`
      select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
        current_setting('server_version') as version,
        (select greatest(f.position, (select max(position) from store.events))::text from store.floor f) as position`;
    const migrations = await snapshot.as('store')<{ owner: string; name: string; hash: string }[]>`
      select owner, name, hash from migrations.applied order by owner, ordinal`;
    const installation = files.find(({ name }) => name === 'authority/installation.json');
    if (!now || !installation)
      throw new BackupFailure('backup.no-installation', 'There is no authority/installation.json.');
    return headSchema.parse({
      format: FORMAT,
      keyfleet: this.#options.version,
      installationId: (JSON.parse(installation.content.toString('utf8')) as { id: string }).id,
      takenAt: now.at,
      postgres: now.version,
      position: now.position,
      events: true,
      migrations: migrations.map(({ owner, name, hash }) => ({ owner, name, hash })),
      tables: await columnsOf(snapshot),
      files: files.map(({ name, content }) => ({ name, sha256: sha256(content) })),
    });
  }

  /** Cut into parts between rows, because an archive has to know an entry's size before its bytes. */
  async *#table(
    snapshot: Snapshot,
    head: BackupHead,
    table: KeptTable,
  ): AsyncGenerator<Buffer, BackupManifest['tables'][number]> {
    const hash = createHash('sha256');
    let [rows, bytes, part] = [0, 0, 0];
    for await (const chunk of rowsOf(snapshot, head, table)) {
      part += 1;
      hash.update(chunk);
      bytes += chunk.length;
      rows += countRows(chunk);
      yield* this.#entry(tableEntry(table.name, part), chunk);
      this.#options.onProgress?.({ table: table.name, rows, bytes });
    }
    return { name: table.name, rows, bytes, sha256: hash.digest('hex') };
  }
}

interface KeptFile {
  readonly name: string;
  readonly content: Buffer;
}

function readFiles(place: Place): KeptFile[] {
  return filesOf(place).map((name) => ({ name, content: readFileSync(place.path(name)) }));
}

function refuseChanged(before: readonly KeptFile[], after: readonly KeptFile[]): void {
  const facts = (files: readonly KeptFile[]): string =>
    JSON.stringify(files.map(({ name, content }) => [name, sha256(content)]));
  if (facts(before) !== facts(after))
    throw new BackupFailure('backup.keys-changed', 'Keys were changed while the backup was taken.');
}

async function* rowsOf(
  snapshot: Snapshot,
  head: BackupHead,
  { name, reader, orderBy }: KeptTable,
): AsyncGenerator<Buffer> {
  const columns = head.tables.find((table) => table.name === name)?.columns.join(', ');
  const order = orderBy ? ` order by ${orderBy}` : '';
  const copying = snapshot.as(reader).unsafe(`copy (select ${columns} from ${name}${order}) to stdout`);
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of await copying.readable()) {
    held.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size < PART_BYTES) continue;
    const all = Buffer.concat(held);
    const end = all.lastIndexOf(NEWLINE) + 1;
    if (end > 0) yield all.subarray(0, end);
    held = [all.subarray(end)];
    size = all.length - end;
  }
  if (size > 0) yield Buffer.concat(held);
}

/** In COPY's text form a line is a row: what is a new line in a value is written as two characters. */
export function countRows(chunk: Buffer): number {
  let rows = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) rows += 1;
  return rows;
}
