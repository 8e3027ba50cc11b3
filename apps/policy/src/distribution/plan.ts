import { createHash } from 'node:crypto';
import { bucketOf, type LivePolicy, versionFor, waveKey, waveShare } from '@keyfleet/policy/domain';
import type { PolicyRef } from '@keyfleet/policy/read-model';
import { Assignments, type Candidate, type Groups } from './assignment.js';
import type { KnownPolicy } from './policy-book.js';

/** What agents of one organisation should decide by. */
export interface Plan {
  /** Different lists of policies, each in the order of their ids. */
  readonly contents: readonly (readonly PolicyRef[])[];
  /** Which of them an agent has. */
  readonly contentOf: ReadonlyMap<string, number>;
}

interface Live extends KnownPolicy {
  readonly state: LivePolicy;
}

/** Unites, for each agent, the policies it is assigned, each at the version its rollout has come to for that agent. */
export function planFor(policies: Iterable<KnownPolicy>, agents: readonly Candidate[], groups: Groups): Plan {
  const live = [...policies].filter(isLive).sort(byId);
  const assignments = new Assignments(live, groups);
  const assigned = agents.map((agent) => assignments.of(agent));
  const places = live.map((policy, index) =>
    isPartial(policy.state)
      ? bucketsOf(
          policy,
          agents.filter((_, at) => assigned[at]?.includes(index)),
        )
      : EVERYBODY,
  );
  const contents: (readonly PolicyRef[])[] = [];
  const known = new Map<string, number>();
  const contentOf = new Map<string, number>();
  for (const [at, { agentId }] of agents.entries()) {
    const versions = (assigned[at] ?? []).map((index) => {
      const { bucket, smallest } = places[index] as Places;
      const { state } = live[index] as Live;
      return [index, versionFor(state, bucket.get(agentId) ?? 0, smallest)] as const;
    });
    const key = versions.map(([index, version]) => `${index}@${version}`).join(' ');
    const content = known.get(key) ?? contents.length;
    if (content === contents.length) contents.push(refsOf(live, versions));
    known.set(key, content);
    contentOf.set(agentId, content);
  }
  return { contents, contentOf };
}

interface Places {
  readonly bucket: ReadonlyMap<string, number>;
  readonly smallest: number;
}

/** Where a wave is all or none, nobody needs a place. */
const EVERYBODY: Places = { bucket: new Map(), smallest: 0 };

function isPartial({ rollout }: LivePolicy): boolean {
  const share = rollout ? waveShare(rollout) : 0;
  return share > 0 && share < 100;
}

function bucketsOf({ policyId, state: { rollout } }: Live, agents: readonly Candidate[]): Places {
  const bucket = new Map<string, number>();
  let smallest = 100;
  for (const { agentId } of agents) {
    const key = waveKey(policyId, rollout?.version ?? 0, agentId);
    const place = bucketOf(createHash('sha256').update(key).digest('hex'));
    bucket.set(agentId, place);
    smallest = Math.min(smallest, place);
  }
  return { bucket, smallest };
}

function refsOf(
  live: readonly Live[],
  versions: readonly (readonly [index: number, version: number | null])[],
): PolicyRef[] {
  return versions.flatMap(([index, version]) =>
    version === null ? [] : [{ policyId: (live[index] as Live).policyId, version }],
  );
}

function isLive(policy: KnownPolicy): policy is Live {
  return policy.state.status === 'live';
}

/** By code unit, as canonical JSON orders its keys: the same everywhere. */
function byId(a: KnownPolicy, b: KnownPolicy): number {
  return a.policyId < b.policyId ? -1 : Number(a.policyId > b.policyId);
}
