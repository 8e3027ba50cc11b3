import type { QueryKey } from '@tanstack/react-query';

/** What the live feed says: which read models changed; a reset says that of whatever is in them. */
export interface Notice {
  readonly reset: boolean;
  readonly readModels: readonly string[];
  readonly agents: readonly unknown[];
}

export interface Effects {
  /** Read again where it is on screen. */
  readonly renew: readonly QueryKey[];
  /** Dear to answer: called outdated, and asked again by whoever wants to know. */
  readonly outdate: readonly QueryKey[];
}

/** Everything that reads the policies of an organisation and is cheap to read; a write to one renews all of it. */
export const policiesKey = (org: string) => ['policies', org] as const;
/** Questions about policies that walk all of them. */
export const questionsKey = (org: string) => ['policy-questions', org] as const;

/** Which part of the cache a notice is about, and no more: while a policy goes out, notices come ten times a second. */
export function effectsOf(org: string, { reset, readModels, agents }: Notice): Effects {
  const changed = (test: (name: string) => boolean) => readModels.some((name) => name === '*' || test(name));
  const fleet = reset && changed((name) => !isPolicies(name) && !name.startsWith('analytics.'));
  const policies = changed((name) => name === 'policy.policies');
  const renew: QueryKey[] = [];
  // Counts, and which agents a filter matches, are the server's to say.
  if (fleet || agents.length > 0) renew.push(['agents', org]);
  if (fleet) renew.push(['agent', org]);
  if (changed((name) => name === 'analytics.events')) renew.push(['events', org]);
  if (policies) renew.push(...['list', 'one', 'versions'].map((part) => [...policiesKey(org), part]));
  if (fleet || policies || changed(isStanding)) renew.push([...policiesKey(org), 'agents']);
  return { renew, outdate: policies ? [questionsKey(org)] : [] };
}

const isPolicies = (name: string) => name.startsWith('policy.');

/** What agents should decide by, and what they do. */
const isStanding = (name: string) => name === 'policy.desired' || name === 'policy.agent-reports';
