import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryJournal } from './memory-journal.js';
import type { MemoryPolicies } from './memory-policies.js';

/** Everything an agent finds again after its process died: the folder with its identity, its journal and its policy. */
export interface Disk {
  readonly directory: string;
  readonly journal: MemoryJournal;
  readonly policies: MemoryPolicies;
}

export interface DiskImage {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly journal: unknown;
  readonly policies: unknown;
}

const LINK = 'link';

export function imageOf({ directory, journal, policies }: Disk): DiskImage {
  const folder = join(directory, LINK);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const files = new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
  return { files, journal: journal.image(), policies: policies.image() };
}

/** Nothing of what was there before stays. */
export function putBack({ directory, journal, policies }: Disk, image: DiskImage): void {
  const folder = join(directory, LINK);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of image.files) writeFileSync(join(folder, name), content, { mode: 0o600 });
  journal.putBack(image.journal);
  policies.putBack(image.policies);
}

export function copyOf({ directory, journal, policies }: Disk, to: Disk): void {
  cpSync(directory, to.directory, { recursive: true });
  to.journal.putBack(journal.image());
  to.policies.putBack(policies.image());
}
