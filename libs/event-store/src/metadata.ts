import type { EventMetadata } from '@keyfleet/kernel';

/** The order of the list metadata is stored as; it is on disk, so it only ever grows at its end. */
const PLACES = [
  'actor',
  'at',
  'correlationId',
  'causationId',
  'traceparent',
  'bodyHash',
  'journal',
] as const satisfies readonly (keyof EventMetadata)[];

type Packed = (EventMetadata[keyof EventMetadata] | null | Record<string, unknown>)[];
const REST = PLACES.length;

/**
 * Metadata as a JSON list, without the organisation (it has a column): the same seven names on every one of 10⁹ events
 * would be 60 GB. What has no place yet stands whole in an object behind the list, so nothing is ever dropped.
 */
export function packMetadata(metadata: EventMetadata): string {
  const packed: Packed = PLACES.map((place) => metadata[place] ?? null);
  const rest = Object.entries(metadata).filter(([name, value]) => isUnplaced(name) && value !== undefined);
  if (rest.length > 0) packed[REST] = Object.fromEntries(rest);
  while (packed.at(-1) === null) packed.pop();
  return JSON.stringify(packed);
}

export function unpackMetadata(packed: readonly unknown[], orgId: string | null): EventMetadata {
  const metadata: Record<string, unknown> = { orgId };
  for (const [index, place] of PLACES.entries()) {
    const value = packed[index];
    if (value !== null && value !== undefined) metadata[place] = value;
  }
  return Object.assign(metadata, packed[REST]) as unknown as EventMetadata;
}

const placed = new Set<string>(['orgId', ...PLACES]);
const isUnplaced = (name: string): boolean => !placed.has(name);
