import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { decrypted, type Key } from './crypt.js';
import { EventOrder } from './event-order.js';
import { BackupFailure, isBackupFailure } from './failure.js';
import {
  type BackupHead,
  type BackupManifest,
  FILE_ENTRY,
  HEAD_ENTRY,
  headSchema,
  MANIFEST_ENTRY,
  manifestSchema,
  TABLE_ENTRY,
} from './format.js';
import { KEPT_TABLES } from './tables.js';
import { readTar, type TarEntry } from './tar.js';
import { countRows } from './write.js';

/** Who is given what a backup holds, in the order of the file; nothing given may take effect before `read` resolved. */
export interface BackupSink {
  head?(head: BackupHead): Promise<void>;
  file?(name: string, content: Buffer): Promise<void>;
  /** Whole rows, as COPY has them. */
  rows?(table: string, rows: Buffer): Promise<void>;
}

export interface ReadOptions {
  readonly file: string;
  readonly key: Key;
  readonly onProgress?: (progress: { readonly table: string; readonly rows: number }) => void;
}

export interface BackupRead {
  readonly head: BackupHead;
  readonly manifest: BackupManifest;
  readonly bytes: number;
}

const MAX_SMALL = 64 * 1024 * 1024;
const MAX_PART = 80 * 1024 * 1024;

/**
 * Reads a backup to its end and checks everything that can be checked without a database: that each byte is what was
 * written (age), that rows and files are all there and unchanged (manifest), that events stand in order.
 * `restore.cannot-open`, `restore.damaged`, `restore.not-a-backup`.
 */
export async function readBackup(options: ReadOptions, sink: BackupSink = {}): Promise<BackupRead> {
  const input = createReadStream(options.file, { highWaterMark: 256 * 1024 });
  let opened = false;
  try {
    const gunzip = createGunzip();
    const plain = decrypted(input, options.key);
    const pumping = pump(plain, gunzip, () => {
      opened = true;
    });
    pumping.catch(() => {});
    const reading = new Reading(options, sink);
    for await (const entry of readTar(gunzip)) await reading.take(entry);
    await pumping;
    return { ...reading.finish(), bytes: input.bytesRead };
  } catch (error) {
    throw explained(error, opened);
  } finally {
    input.destroy();
  }
}

/** By hand, because an error has to reach both ends before anybody takes what is there for the whole. */
async function pump(
  plain: AsyncIterable<Uint8Array>,
  gunzip: ReturnType<typeof createGunzip>,
  onOpened: () => void,
): Promise<void> {
  try {
    for await (const chunk of plain) {
      onOpened();
      if (gunzip.destroyed) return;
      if (!gunzip.write(chunk)) await drained(gunzip);
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error as Error);
    throw error;
  }
}

function drained(gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      gunzip.off('drain', done).off('close', done);
      resolve();
    };
    gunzip.on('drain', done).on('close', done);
  });
}

/** Messages of the libraries would quote what they read; the place is all one needs. */
function explained(error: unknown, opened: boolean): unknown {
  if (isBackupFailure(error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR')
    return new BackupFailure('restore.not-a-backup', `The file could not be read (${code}).`);
  if (isForeign(error)) return error;
  if (opened)
    return new BackupFailure('restore.damaged', 'The backup is damaged or cut off.', { cause: error });
  const noKey = /no identity matched|passphrase|identities? (?:did|match)/i.test(
    String((error as Error)?.message),
  );
  return noKey
    ? new BackupFailure('restore.cannot-open', 'This key does not open the backup.', { cause: error })
    : new BackupFailure('restore.damaged', 'This is no backup, or its beginning is damaged.', {
        cause: error,
      });
}

/** What a sink threw is the sink's: a database that is full is no damaged file. */
class SinkError extends Error {
  readonly inner: unknown;

  constructor(inner: unknown) {
    super('sink');
    this.inner = inner;
  }
}

function isForeign(error: unknown): boolean {
  return error instanceof SinkError;
}

export function sinkCause(error: unknown): unknown {
  return error instanceof SinkError ? error.inner : error;
}

class Reading {
  readonly #options: ReadOptions;
  readonly #sink: BackupSink;
  readonly #files = new Map<string, { bytes: number; sha256: string }>();
  readonly #tables = new Map<
    string,
    { rows: number; bytes: number; hash: ReturnType<typeof createHash>; part: number }
  >();
  readonly #order = new EventOrder();
  #head: BackupHead | undefined;
  #headSha256 = '';
  #manifest: BackupManifest | undefined;

  constructor(options: ReadOptions, sink: BackupSink) {
    this.#options = options;
    this.#sink = sink;
  }

  async take(entry: TarEntry): Promise<void> {
    if (this.#manifest) throw notABackup('something follows the manifest');
    if (!this.#head) return this.#takeHead(entry);
    if (entry.name === MANIFEST_ENTRY) {
      this.#manifest = parse(manifestSchema, await whole(entry, MAX_SMALL));
      return;
    }
    const file = FILE_ENTRY.exec(entry.name);
    if (file?.[1]) return this.#takeFile(file[1], await whole(entry, MAX_SMALL));
    const table = TABLE_ENTRY.exec(entry.name);
    if (!table?.[1]) throw notABackup('an entry has a name this version does not know');
    await this.#takeRows({ name: table[1], part: Number(table[2]) }, await whole(entry, MAX_PART));
  }

  async #takeHead(entry: TarEntry): Promise<void> {
    if (entry.name !== HEAD_ENTRY) throw notABackup('it does not begin as one');
    const content = await whole(entry, MAX_SMALL);
    this.#headSha256 = createHash('sha256').update(content).digest('hex');
    const head = parse(headSchema, content);
    this.#head = head;
    await this.#give(() => this.#sink.head?.(head));
  }

  async #takeFile(name: string, content: Buffer): Promise<void> {
    if (this.#files.has(name)) throw notABackup('a file comes twice');
    this.#files.set(name, {
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    await this.#give(() => this.#sink.file?.(name, content));
  }

  async #takeRows({ name, part }: { name: string; part: number }, rows: Buffer): Promise<void> {
    let table = this.#tables.get(name);
    if (!table) this.#tables.set(name, (table = { rows: 0, bytes: 0, hash: createHash('sha256'), part: 0 }));
    if (part !== table.part + 1) throw notABackup('a part of a table is missing');
    table.part = part;
    table.hash.update(rows);
    table.bytes += rows.length;
    table.rows += countRows(rows);
    if (name === 'store.events') this.#order.take(rows);
    await this.#give(() => this.#sink.rows?.(name, rows));
    this.#options.onProgress?.({ table: name, rows: table.rows });
  }

  async #give(work: () => Promise<void> | undefined): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw new SinkError(error);
    }
  }

  /** Everything that was read is what the manifest says, and nothing of it is missing. */
  finish(): { head: BackupHead; manifest: BackupManifest } {
    const [head, manifest] = [this.#head, this.#manifest];
    if (!head || !manifest) throw damaged('it ends before its manifest');
    if (manifest.headSha256 !== this.#headSha256)
      throw damaged('its beginning is not the one it was written with');
    this.#finishFiles(head, manifest);
    this.#finishTables(manifest);
    if (this.#order.newest > BigInt(head.position)) throw damaged('there are events beyond its own moment');
    return { head, manifest };
  }

  #finishFiles({ files: named }: BackupHead, { files }: BackupManifest): void {
    if (files.length !== this.#files.size || files.length !== named.length)
      throw damaged('the number of files is another');
    for (const { name, bytes, sha256 } of files) {
      const found = this.#files.get(name);
      if (found?.bytes !== bytes || found.sha256 !== sha256) throw damaged(`${name} is not what was written`);
    }
  }

  #finishTables({ tables }: BackupManifest): void {
    if (tables.length !== KEPT_TABLES.length) throw damaged('the number of tables is another');
    for (const { name, rows, bytes, sha256 } of tables) {
      const found = this.#tables.get(name) ?? { rows: 0, bytes: 0, hash: createHash('sha256') };
      if (found.rows !== rows || found.bytes !== bytes || found.hash.digest('hex') !== sha256)
        throw damaged(`${name} is not what was written`);
    }
  }
}

async function whole(entry: TarEntry, limit: number): Promise<Buffer> {
  if (!(entry.size <= limit)) throw notABackup('an entry is larger than any of ours');
  const parts: Buffer[] = [];
  for await (const part of entry.body) parts.push(part);
  return Buffer.concat(parts);
}

function parse<T>(schema: { safeParse(value: unknown): { success: boolean; data?: T } }, content: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    throw notABackup('its description is not readable');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw notABackup('this version does not understand its description');
  return parsed.data as T;
}

function notABackup(why: string): BackupFailure {
  return new BackupFailure('restore.not-a-backup', `This is not a backup of this version: ${why}.`);
}

function damaged(why: string): BackupFailure {
  return new BackupFailure('restore.damaged', `The backup is damaged: ${why}.`);
}
