import { isIPv4, isIPv6 } from 'node:net';
import { CLIENT } from '@keyfleet/contracts';
import type { Action, Method } from '../audit/entry.js';
import type { ApiKey } from './api-key.js';

/** Who asks, and from where: everything a decision and its record need. */
export interface Caller {
  /** `missing` and `unknown` get nothing but are recorded. */
  readonly credential: 'known' | 'missing' | 'unknown';
  readonly principal: string;
  readonly groups: readonly string[];
  readonly grants: ApiKey['grants'];
  readonly method: Method;
  readonly address: string | null;
  readonly client: string | null;
  /** Why he says he asks; policies may want to know, and nothing else does. Never recorded. */
  readonly reason?: string | null;
  readonly traceId: string;
}

/** What the agent does of its own accord or at the control plane's signed word; policies are for those who ask it. */
export const SELF: Caller = {
  credential: 'known',
  principal: 'keyfleet:agent',
  groups: [],
  grants: [{ prefix: '', actions: ['*'] }],
  method: 'local',
  address: null,
  client: null,
  traceId: '0'.repeat(32),
};

/** Whole segments: `team/a` covers `team/a` and `team/a/b`, not `team/ab`; the empty prefix covers everything. */
function covers(prefix: string, path: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

/** Without a path, what concerns the vault as a whole: only a grant for everything allows that. */
export function isAllowed({ grants }: Pick<Caller, 'grants'>, action: Action, path: string | null): boolean {
  return grants.some(
    (grant) =>
      (path === null ? grant.prefix === '' : covers(grant.prefix, path)) &&
      (grant.actions.includes(action) || grant.actions.includes('*')),
  );
}

/** The prefixes below which the caller may do this. */
export function prefixesFor({ grants }: Pick<Caller, 'grants'>, action: Action): string[] {
  const found = grants.filter(({ actions }) => actions.includes(action) || actions.includes('*'));
  return found.map(({ prefix }) => prefix);
}

/** The network of an address, as far as it may be told: /24 of IPv4, /48 of IPv6. */
export function networkOf(address: string | null): string | null {
  if (address === null) return null;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(mapped)) return `${mapped.split('.').slice(0, 3).join('.')}.0/24`;
  const [bare = ''] = address.split('%');
  return isIPv6(bare) ? `${firstGroups(bare)}::/48` : null;
}

/** The first three groups, written out and shortened again as RFC 5952 has it for what we keep. */
function firstGroups(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = !tail ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...zeros, ...after]
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16));
  while (groups.at(-1) === '0') groups.pop();
  return groups.join(':');
}

/** The first word of a User-Agent, where it is a name such as `curl/8.1`. */
export function clientOf(userAgent: string | undefined): string | null {
  const [first = ''] = (userAgent ?? '').split(' ', 1);
  return CLIENT.test(first) ? first : null;
}

/** Printable ASCII, as a header has it; anything else is as good as none. */
const REASON = /^[\x20-\x7e]{1,200}$/;

export function reasonFrom(header: string | string[] | undefined): string | null {
  return typeof header === 'string' && REASON.test(header) ? header : null;
}
