import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { writePrivate } from '@keyfleet/embedded';
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

/** The installation's file last: by it a half-written authority is known to be one. */
export function writeFiles(
  place: Place,
  files: ReadonlyMap<string, Buffer>,
  { plan, stamp }: { readonly plan: FilePlan; readonly stamp: string },
): void {
  if (plan.replaced && existsSync(place.authority))
    renameSync(place.authority, `${place.authority}-before-${stamp}`);
  const last = 'authority/installation.json';
  for (const name of [...plan.missing].sort((a, b) => Number(a === last) - Number(b === last))) {
    const content = files.get(name);
    if (!content) continue;
    const path = place.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (plan.replaced && existsSync(path)) renameSync(path, `${path}.before-${stamp}`);
    writePrivate(path, content.toString('utf8'));
  }
}
