import { existsSync, readFileSync } from 'node:fs';
import { BackupFailure } from './failure.js';
import { FileChanges } from './file-changes.js';
import type { Place } from './place.js';

export interface FilePlan {
  /** Not there, and written. */
  readonly missing: readonly string[];
  /** There and the same, or there and newer than the backup: an installation's own keys are those its agents trust now. */
  readonly left: readonly string[];
  /** Another installation's, moved aside as a whole. */
  readonly replaced: boolean;
}

/** Id of the installation whose keys lie here. */
export function installationHere({ path }: Pick<Place, 'path'>): string | undefined {
  const file = path('authority/installation.json');
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as { id?: string }).id;
}

export function planFiles(place: Place, names: readonly string[], foreign: boolean): FilePlan {
  if (foreign) return { missing: names, left: [], replaced: true };
  const there = (name: string): boolean => existsSync(place.path(name));
  return {
    missing: names.filter((name) => !there(name)),
    left: names.filter(there),
    replaced: false,
  };
}

/**
 * Writes what the plan names; all of it, or everything is as it was: `restore.not-written`. What is outside of the
 * authority comes first and the installation's file last. So where it was killed between two of them, either the keys
 * are still those of the other installation or only files of the authority are missing, and the same restore done again
 * brings it to its end.
 */
export function writeFiles(
  place: Place,
  files: ReadonlyMap<string, Buffer>,
  { plan, stamp }: { readonly plan: FilePlan; readonly stamp: string },
): void {
  const changes = new FileChanges();
  const write = (name: string): void => {
    const content = files.get(name);
    if (!content) return;
    const path = place.path(name);
    if (plan.replaced) changes.moveAside(path, `${path}.before-${stamp}`);
    changes.write(path, content);
  };
  const names = [...plan.missing].sort((a, b) => rank(a) - rank(b));
  const outside = names.filter((name) => rank(name) === 0);
  try {
    outside.forEach(write);
    if (plan.replaced) changes.moveAside(place.authority, `${place.authority}-before-${stamp}`);
    names.slice(outside.length).forEach(write);
  } catch (cause) {
    changes.undo();
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new BackupFailure('restore.not-written', `The key files could not be written (${code}).`, {
      cause,
    });
  }
}

function rank(name: string): number {
  if (name === 'authority/installation.json') return 2;
  return name.startsWith('authority/') ? 1 : 0;
}
