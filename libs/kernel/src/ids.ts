/** Prefixes of our identifiers and what they name. One grammar for all: `<prefix>_<uuid in lower case>`. */
export const ID_PREFIXES = {
  org: 'organisation',
  usr: 'user',
  ses: 'session',
  tok: 'API token',
  agt: 'agent',
  etk: 'enrolment token',
  grp: 'group',
  pol: 'policy',
  rot: 'rotation',
  evt: 'event',
  cmd: 'command',
  svc: 'service',
  ins: 'installation',
  sec: 'secret',
} as const;

export type IdPrefix = keyof typeof ID_PREFIXES;
export type Id<P extends IdPrefix> = `${P}_${string}`;

/** UUIDv7, or v8 where derived; lower case only. Subjects, JWT names and streams are minted from ids, so nothing looser passes. */
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';

const patterns = new Map<string, RegExp>();

/** The regular expression (anchored) that ids of this kind match. */
export function idPattern(prefix: IdPrefix): RegExp {
  let pattern = patterns.get(prefix);
  if (!pattern) patterns.set(prefix, (pattern = new RegExp(`^${prefix}_${UUID}$`)));
  return pattern;
}

export function isId<P extends IdPrefix>(prefix: P, value: unknown): value is Id<P> {
  return typeof value === 'string' && idPattern(prefix).test(value);
}
