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

const REST = PLACES.length;
const placed = new Set<string>(['orgId', ...PLACES]);

/**
 * Metadata as a JSON list, without the organisation (it has a column): the same seven names on every one of 10⁹ events
 * would be 60 GB. What has no place yet stands whole in an object behind the list, so nothing is ever dropped.
 */
export function packMetadata(metadata: EventMetadata): string {
  const packed: unknown[] = PLACES.map((place) => metadata[place] ?? null);
  const rest = unplaced(metadata);
  if (rest) packed[REST] = rest;
  while (packed.at(-1) === null) packed.pop();
  return JSON.stringify(packed);
}

/** Written for the case that there is none: it runs for every event. */
function unplaced(metadata: EventMetadata): Record<string, unknown> | undefined {
  let rest: Record<string, unknown> | undefined;
  for (const name in metadata) {
    if (placed.has(name)) continue;
    const value = metadata[name as keyof EventMetadata];
    if (value !== undefined) rest = { ...rest, [name]: value };
  }
  return rest;
}

export function unpackMetadata(packed: readonly unknown[], orgId: string | null): EventMetadata {
  const metadata: Record<string, unknown> = { orgId };
  for (const [index, place] of PLACES.entries()) {
    const value = packed[index];
    if (value !== null && value !== undefined) metadata[place] = value;
  }
  return Object.assign(metadata, packed[REST]) as unknown as EventMetadata;
}
