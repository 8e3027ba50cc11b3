import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryJournal } from './memory-journal.js';

/** Everything an agent finds again after its process died: the folder with its identity, and its journal. */
export interface Disk {
  readonly directory: string;
  readonly journal: MemoryJournal;
}

export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly journal: unknown;
}

const LINK = 'link';

export function imageOf({ directory, journal }: Disk): DiskImage {
  const folder = join(directory, LINK);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const files = new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
  return { files, journal: journal.image() };
}

/** Nothing of what was there before stays. */
export function putBack({ directory, journal }: Disk, image: DiskImage): void {
  const folder = join(directory, LINK);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of image.files) writeFileSync(join(folder, name), content, { mode: 0o600 });
  journal.putBack(image.journal);
}

export function copyOf({ directory, journal }: Disk, to: Disk): void {
  cpSync(directory, to.directory, { recursive: true });
  to.journal.putBack(journal.image());
}
