import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { writePrivate } from '@keyfleet/embedded';
import { BackupFailure } from './failure.js';

/** Changes to files that are remembered until they are undone, in the order from the newest to the first. */
export class FileChanges {
  readonly #undo: (() => void)[] = [];

  /** Nothing where there is nothing. */
  moveAside(path: string, to: string): void {
    if (!existsSync(path)) return;
    renameSync(path, to);
    this.#undo.push(() => renameSync(to, path));
  }

  /** Only where nothing is yet (EEXIST), so that undoing takes away nobody else's; folders on the way are made. */
  write(path: string, content: Buffer): void {
    if (existsSync(path)) throw Object.assign(new Error('A file is in the way.'), { code: 'EEXIST' });
    this.#makeFolder(dirname(path));
    writePrivate(path, content.toString('utf8'));
    this.#undo.push(() => rmSync(path));
  }

  /** Goes on where one cannot be undone, and says it in the end: `restore.not-undone`. */
  undo(): void {
    const failures: unknown[] = [];
    for (const undo of this.#undo.splice(0).reverse())
      try {
        undo();
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0)
      throw new BackupFailure('restore.not-undone', 'Key files were changed and could not be put back.', {
        cause: new AggregateError(failures),
      });
  }

  /** One by one, so that each that was made is known. */
  #makeFolder(path: string): void {
    if (existsSync(path)) return;
    this.#makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
    this.#undo.push(() => rmdirSync(path));
  }
}
